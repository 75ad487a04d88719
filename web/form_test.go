package web_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/web"
)

func typed(change ...string) url.Values {
	form := url.Values{"name": {"Ann Example"}, "email": {"ann@client.example"}, "subject": {"Cannot log in"}, "message": {"It says no."}}
	for i := 0; i+1 < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return form
}

func (d *desk) submit(form url.Values, header ...string) answer {
	d.t.Helper()
	h := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
	for i := 0; i+1 < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return d.do(request{method: "POST", path: "/support", body: form.Encode(), key: "none", header: h})
}

// TestRow024_PublicFormNeedsNoAccount sends the form as a browser and as a program, too often, and with
// script in it.
func TestRow024_PublicFormNeedsNoAccount(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	script := `<script>alert("x")</script>`
	a := d.submit(typed("subject", script)).want(http.StatusSeeOther)
	number := strings.TrimPrefix(a.header.Get("Location"), "/support/thanks?number=")
	page := d.do(request{method: "GET", path: a.header.Get("Location"), key: "none"}).want(200)
	if number == "" || !strings.Contains(string(page.body), ">"+number+"<") {
		t.Errorf("the page does not show the number %q: %s", number, page.body)
	}
	list := d.get("/v1/tickets?q=" + number).want(200)
	ticket := list.items()[0]
	if ticket["subject"] != script || ticket["channel"] != "form" || ticket["requester"].(map[string]any)["name"] != "Ann Example" {
		t.Errorf("the ticket is %v", ticket)
	}
	if ct := list.header.Get("Content-Type"); ct != "application/json" || list.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the API answers %s: a browser could take it for a page", ct)
	}
	full := d.get("/v1/tickets/" + ticket["id"].(string)).object()
	if l := full["letters"].([]any); len(l) != 1 || l[0].(map[string]any)["kind"] != "acknowledgement" ||
		!strings.Contains(fmt.Sprint(l[0].(map[string]any)["subject"]), number) {
		t.Errorf("no acknowledgement bears the number: %v", l)
	}
	wrong := d.submit(typed("subject", script, "email", script)).want(422)
	if strings.Contains(string(wrong.body), "<script") || !strings.Contains(string(wrong.body), "&lt;script&gt;") {
		t.Errorf("script is not escaped in the page: %s", wrong.body)
	}

	b := d.submit(typed(), "Accept", "application/json").want(201)
	if b.object()["number"] == nil {
		t.Errorf("a program is told %s", b.body)
	}
	for range 3 {
		d.submit(typed()).want(303)
	}
	before := d.state()
	sixth := d.submit(typed()).want(429)
	if wait, err := strconv.Atoi(sixth.header.Get("Retry-After")); err != nil || wait < 3500 || wait > 3600 {
		t.Errorf("Retry-After is %q", sixth.header.Get("Retry-After"))
	}
	for _, kept := range []string{"<h1>", "Ann Example", "ann@client.example", "Cannot log in", "It says no.", "support@desk.example"} {
		if !strings.Contains(string(sixth.body), kept) {
			t.Errorf("the sixth post loses %q", kept)
		}
	}
	if d.state() != before {
		t.Errorf("the sixth post: %s", sixth.body)
	}
	d.submit(typed("email", "ANN@Client.example"), "Accept", "application/json").refused(429, "too_many_requests")
	d.submit(typed("email", "bob@client.example")).want(303)
	if n := d.count("select count(*) from limit_counters where key like '%client.example%' or key like '%127.0.0.1%'"); n != 0 {
		t.Errorf("%d limit counters hold an address in the clear", n)
	}
	if logs := d.logs.String(); strings.Contains(logs, "ann@client") || strings.Contains(logs, "number=") {
		t.Errorf("the log holds an address or a query:\n%s", logs)
	}
}

// Tried: somebody else's address typed from everywhere: the tickets open, the address gets three letters.
func TestFormDoesNotFloodAnAddressWithAcknowledgements(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range 5 {
		d.submit(typed()).want(303)
	}
	if n := d.count("select count(*) from letters where kind = 'acknowledgement'"); n != 3 {
		t.Errorf("%d acknowledgements for 5 posts, want 3", n)
	}
	if n := d.count("select count(*) from tickets"); n != 5 {
		t.Errorf("%d tickets for 5 posts", n)
	}
}

// Tried: one address after another from one network.
func TestFormLimitsANetworkWhateverIsTyped(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for n := range 20 {
		d.submit(typed("email", fmt.Sprintf("victim%d@client.example", n))).want(303)
	}
	d.submit(typed("email", "victim20@client.example")).want(429)
	if n := d.count("select count(*) from tickets"); n != 20 {
		t.Errorf("%d tickets, want 20", n)
	}
}

func TestFormWindowEnds(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(deps *web.Deps) { deps.FormLimit = config.Rate{Count: 1, Per: time.Second} })
	d.submit(typed()).want(303)
	d.submit(typed()).want(429)
	time.Sleep(1100 * time.Millisecond)
	d.submit(typed()).want(303)
}

func TestFormKeepsWhatWasTypedAndSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before := d.state()
	empty := d.submit(url.Values{}).want(422)
	for _, field := range []string{"name", "email", "subject", "message"} {
		if !strings.Contains(string(empty.body), `id="`+field+`-wrong"`) {
			t.Errorf("%s is not marked: %s", field, empty.body)
		}
	}
	d.submit(typed("email", "z@z.example\r\nRCPT TO:<a@b>")).want(422)
	a := d.submit(typed("email", "not an address", "message", "A long story")).want(422)
	for _, kept := range []string{"Ann Example", "not an address", "Cannot log in", "A long story"} {
		if !strings.Contains(string(a.body), kept) {
			t.Errorf("%q is lost", kept)
		}
	}
	for _, bad := range []url.Values{typed("name", " "), typed("subject", "\x00"), typed("message", "\r\n"), typed("email", "Ann <ann@client.example>"),
		typed("email", "a@b.example\r\nBcc: c@d.example"), typed("message", strings.Repeat("x", 200_001)), typed("subject", strings.Repeat("x", 1001))} {
		d.submit(bad).want(422)
		p := d.submit(bad, "Accept", "application/json").refused(422, "validation_failed")
		if len(p.object()["errors"].([]any)) != 1 {
			t.Errorf("errors are %s", p.body)
		}
	}
	if after := d.state(); after != before {
		t.Errorf("refused forms changed something: %s, then %s", before, after)
	}
}

// Tried: a name and a subject that turn the direction of what follows.
func TestFormTurnsNoDirection(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.submit(typed("name", "Ann \u202egpj", "subject", "\u2067Help\u2069")).want(303)
	ticket := d.get("/v1/tickets").items()[0]
	if ticket["subject"] != "Help" || ticket["requester"].(map[string]any)["name"] != "Ann gpj" {
		t.Errorf("the ticket is %v", ticket)
	}
}

// Tried: the desk's own address, with a tag and without one, as a browser and as a program.
func TestFormRefusesTheDesksOwnAddress(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before := d.count("select count(*) from tickets")
	a := d.submit(typed("email", "Support@desk.example")).want(422)
	if !strings.Contains(string(a.body), `id="email-wrong"`) || !strings.Contains(string(a.body), "our own address") || !strings.Contains(string(a.body), "It says no.") {
		t.Errorf("the page says %s", a.body)
	}
	d.submit(typed("email", "support+x@desk.example"), "Accept", "application/json").refused(422, "own_address")
	d.post("/v1/tickets", map[string]any{"subject": "s", "body": "b", "email": "support@desk.example"}).refused(422, "own_address")
	if after := d.count("select count(*) from tickets"); after != before {
		t.Errorf("%d tickets, then %d", before, after)
	}
}

func TestFormTrapOpensNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before := d.state()
	d.submit(typed("fax_number", "555")).want(303)
	d.submit(typed("fax_number", "555"), "Accept", "application/json").want(201)
	if d.state() != before || !strings.Contains(d.logs.String(), "count=2") {
		t.Errorf("the trap opened something or was not counted:\n%s", d.logs)
	}
}

// TestFormIsRefusedFromOtherSites sends what browsers send of a form on a foreign page.
func TestFormIsRefusedFromOtherSites(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(deps *web.Deps) { deps.PublicURL = "https://desk.example" })
	before := d.state()
	d.submit(typed(), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").refused(403, "cross_origin")
	d.submit(typed(), "Origin", "https://evil.example").refused(403, "cross_origin")
	d.submit(typed(), "Origin", "null").refused(403, "cross_origin")
	if d.state() != before {
		t.Error("a form from another site changed something")
	}
	a := d.submit(typed(), "Sec-Fetch-Site", "same-origin", "Origin", d.url).want(303)
	if hsts := a.header.Get("Strict-Transport-Security"); !strings.HasPrefix(hsts, "max-age=31536000") {
		t.Errorf("HSTS is %q", hsts)
	}
	d.submit(typed(), "Origin", "https://desk.example").want(303)
}

// upload posts the form with files of these sizes.
func (d *desk) upload(sizes ...int) answer {
	d.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range typed() {
		must(d.t, w.WriteField(name, values[0]))
	}
	for i, size := range sizes {
		part, err := w.CreateFormFile("attachments", fmt.Sprintf("../shot %d.png", i))
		must(d.t, err)
		_, err = part.Write(bytes.Repeat([]byte{'a' + byte(i)}, size))
		must(d.t, err)
	}
	must(d.t, w.Close())
	return d.do(request{method: "POST", path: "/support", body: body.Bytes(), key: "none",
		header: map[string]string{"Content-Type": w.FormDataContentType(), "Accept": "text/html"}})
}

func TestFormTakesFiles(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.upload(10, 2<<20, 0).want(303)
	full := d.get("/v1/tickets/" + d.get("/v1/tickets").items()[0]["id"].(string)).object()
	files := full["messages"].([]any)[0].(map[string]any)["attachments"].([]any)
	if len(files) != 3 || files[0].(map[string]any)["name"] != "shot 0.png" || files[1].(map[string]any)["size"] != 2097152.0 {
		t.Errorf("files are %v", files)
	}
	before := d.state()
	if a := d.upload(1, 1, 1, 1, 1, 1).want(422); !strings.Contains(string(a.body), "At most 5 files") {
		t.Errorf("six files: %s", a.body)
	}
	if a := d.upload(21 << 20).want(413); !strings.Contains(string(a.body), "too large") {
		t.Errorf("a file of 21 MiB: %s", a.body)
	}
	d.upload(60 << 20).want(413)
	d.do(request{method: "POST", path: "/support", body: "--x\r\nnonsense", key: "none", header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}}).want(400)
	d.do(request{method: "POST", path: "/support", body: "--x", key: "none", header: map[string]string{"Content-Type": "multipart/form-data", "Accept": "application/json"}}).refused(400, "validation_failed")
	if after := d.state(); after != before {
		t.Errorf("refused files changed something: %s, then %s", before, after)
	}
}

// TestFormSurvivesADatabaseThatIsGone keeps what was typed where nothing can be stored.
func TestFormSurvivesADatabaseThatIsGone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.db.Close()
	a := d.submit(typed("message", "A long story"))
	if a.status < 500 || !strings.Contains(string(a.body), "A long story") || !strings.Contains(string(a.body), "send it again") {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, path := range []string{"/", "/support", "/support/thanks", "/support/thanks?number=%3Cscript%3E", "/docs"} {
		a := d.do(request{method: "GET", path: path, key: "none"}).want(200)
		page := string(a.body)
		for _, foreign := range []string{"<script", "http://cdn", "https://", "style=", "onclick"} {
			if strings.Contains(page, foreign) {
				t.Errorf("%s has %q", path, foreign)
			}
		}
		if !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %v", path, a.header)
		}
	}
	css := d.do(request{method: "GET", path: "/style.css", key: "none"}).want(200)
	if !strings.HasPrefix(css.header.Get("Content-Type"), "text/css") {
		t.Errorf("the style is %s", css.header.Get("Content-Type"))
	}
	head, err := http.Head(d.url + "/support")
	must(t, err)
	defer head.Body.Close()
	if rest, err := io.ReadAll(head.Body); err != nil || len(rest) > 0 || head.StatusCode != 200 {
		t.Errorf("HEAD /support: %d, %d bytes", head.StatusCode, len(rest))
	}
}

func TestNetworksOfCallers(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{"192.0.2.7:1234": "192.0.2.7", "[2001:db8:1:2:3::4]:9": "2001:db8:1:2::/64", "[::ffff:192.0.2.7]:1": "192.0.2.7",
		"[fe80::1%eth0]:1": "fe80::/64", "nonsense": "nonsense", "host:1": "host"} {
		if got := web.NetworkOf(remote); got != want {
			t.Errorf("%s is of %s, want %s", remote, got, want)
		}
	}
}
