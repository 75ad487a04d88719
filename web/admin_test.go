package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	devtools "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/web"
)

var typedForm = map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}

func (d *desk) tryKey(key string) answer {
	d.t.Helper()
	return d.do(request{method: "POST", path: "/admin/login", key: "none", header: typedForm, body: url.Values{"key": {key}}.Encode()})
}

// cookie is what the answer sets.
func (a answer) cookie() *http.Cookie {
	a.t.Helper()
	set := (&http.Response{Header: a.header}).Cookies()
	if len(set) != 1 {
		a.t.Fatalf("%d cookies: %v", len(set), a.header["Set-Cookie"])
	}
	return set[0]
}

// logIn begins a session and returns its cookie as a browser sends it.
func (d *desk) logIn() string {
	d.t.Helper()
	c := d.tryKey(d.admin).want(http.StatusSeeOther).cookie()
	return c.Name + "=" + c.Value
}

func (d *desk) with(cookie, method, path string, more ...string) answer {
	d.t.Helper()
	header := map[string]string{"Cookie": cookie}
	for i := 0; i+1 < len(more); i += 2 {
		header[more[i]] = more[i+1]
	}
	r := request{method: method, path: path, key: "none", header: header}
	if method != http.MethodGet {
		r.body = `{"ids":["1"]}`
	}
	return d.do(r)
}

// queueRoutes is River UI's own, as they stand in its release; a path of each.
var queueRoutes = []string{
	"GET /admin/jobs", "GET /admin/jobs/", "GET /admin/jobs/jobs/1", "GET /admin/jobs/queues", "GET /admin/jobs/index.html", "GET /admin/jobs/favicon.ico", "GET /admin/jobs/.vite/manifest.json",
	"GET /admin/jobs/api/autocomplete", "GET /admin/jobs/api/features", "GET /admin/jobs/api/health-checks/complete", "GET /admin/jobs/api/jobs", "GET /admin/jobs/api/jobs/1",
	"GET /admin/jobs/api/queues", "GET /admin/jobs/api/queues/inbound", "GET /admin/jobs/api/states", "GET /admin/jobs/api/version",
	"POST /admin/jobs/api/jobs/cancel", "POST /admin/jobs/api/jobs/delete", "POST /admin/jobs/api/jobs/retry",
	"PUT /admin/jobs/api/queues/inbound/pause", "PUT /admin/jobs/api/queues/inbound/resume", "PATCH /admin/jobs/api/queues/inbound",
}

// Tried on every route of River UI: no cookie, a made-up one, an API key in its place, a session that was logged out,
// one unused for too long, one too old, and one whose key was revoked.
func TestQueueIsForSessionsOfAdministrators(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	over, idle, old := d.logIn(), d.logIn(), d.logIn()
	d.with(over, "POST", "/admin/logout").want(http.StatusSeeOther)
	k, key, err := d.deps.Identity.Create(t.Context(), tester, "gone", identity.Admin)
	must(t, err)
	c := d.tryKey(key).want(http.StatusSeeOther).cookie()
	revoked := c.Name + "=" + c.Value
	must(t, d.deps.Identity.Revoke(t.Context(), tester, k.ID))
	good := d.logIn()
	d.ownerExec("with s as (select hash, row_number() over (order by created_at) as n from admin_sessions) update admin_sessions a set used_at = case when n = 1 then now() - interval '31 minutes' else now() end, created_at = case when n = 2 then now() - interval '13 hours' else now() end from s where s.hash = a.hash")
	before := d.state() + d.text("select count(*)::text from audit_entries")
	for _, route := range queueRoutes {
		method, path, _ := strings.Cut(route, " ")
		for name, cookie := range map[string]string{"none": "", "made up": "admin=" + strings.Repeat("A", 43), "a key": "admin=" + d.admin, "logged out": over, "idle": idle, "old": old, "revoked": revoked} {
			a := d.with(cookie, method, path, "Authorization", "Bearer "+d.admin).refused(http.StatusUnauthorized, "unauthorized")
			if t.Failed() {
				t.Fatalf("%s with %s: %s", route, name, a.body)
			}
		}
		if to := d.with(idle, method, path, "Accept", "text/html"); method == "GET" && (to.status != http.StatusSeeOther || to.header.Get("Location") != "/admin/login") {
			t.Errorf("%s leads a browser to %d %s", route, to.status, to.header.Get("Location"))
		}
	}
	if after := d.state() + d.text("select count(*)::text from audit_entries"); after != before {
		t.Errorf("strangers changed %s to %s", before, after)
	}
	d.with(good, "GET", "/admin/jobs/api/states").want(http.StatusOK)
	if row := d.text("select string_agg(s::text, ' ') from admin_sessions s"); strings.Contains(row, strings.TrimPrefix(good, "admin=")) {
		t.Error("the token is stored in the clear")
	}
}

// Tried: nothing, a key that never was, one of a colleague, a revoked one, and one that would be right.
func TestLoginTellsNothingOfKeys(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k, revoked, err := d.deps.Identity.Create(t.Context(), tester, "gone", identity.Admin)
	must(t, err)
	must(t, d.deps.Identity.Revoke(t.Context(), tester, k.ID))
	d.tryKey(" ").want(http.StatusUnprocessableEntity)
	bodies := map[string]bool{}
	for _, key := range []string{"pst_" + strings.Repeat("A", 43), d.staff, revoked, "x"} {
		a := d.tryKey(key).want(http.StatusForbidden)
		bodies[string(a.body)] = true
		if a.header.Get("Set-Cookie") != "" || strings.Contains(string(a.body), key) && key != "x" {
			t.Errorf("a refused login sets %v and says\n%s", a.header["Set-Cookie"], a.body)
		}
	}
	if len(bodies) != 1 {
		t.Errorf("%d different answers to wrong keys", len(bodies))
	}
	d.do(request{method: "POST", path: "/admin/login?key=" + d.admin, key: "none", header: typedForm, body: ""}).want(http.StatusUnprocessableEntity)
	d.do(request{method: "POST", path: "/admin/login", key: "none", header: typedForm, body: "key=" + strings.Repeat("x", 5000)}).want(http.StatusBadRequest)
	if n := d.count("select count(*) from admin_sessions"); n != 0 {
		t.Errorf("%d sessions", n)
	}
	d.logIn()
	if got := d.text("select string_agg(kind || ' ' || actor_name, ',') from audit_entries where kind like 'admin.%'"); got != "admin.logged_in key of admin" {
		t.Errorf("audited as %q", got)
	}
	for range 2 {
		d.tryKey(d.admin)
	}
	if a := d.tryKey(d.admin).want(http.StatusTooManyRequests); a.header.Get("Retry-After") == "" || !strings.Contains(string(a.body), "Too many") {
		t.Errorf("the eleventh try: %v %s", a.header, a.body)
	}
	if strings.Contains(d.logs.String(), "pst_") {
		t.Error("a key is in the log")
	}
}

// Tried: on the desk's own machine, over plain http from elsewhere, and behind an https address.
func TestSessionCookieIsForThisDeskAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		public, host, cookie string
		plain                bool
	}{
		"loopback":      {"", "127.0.0.1:8080", "admin", false},
		"loopback name": {"http://localhost:8080", "localhost:8080", "admin", false},
		"elsewhere":     {"", "desk.lan:8080", "__Host-admin", true},
		"https":         {"https://desk.example", "desk.example", "__Host-admin", false},
		"tunnelled":     {"https://desk.example", "127.0.0.1:8080", "__Host-admin", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, func(deps *web.Deps) { deps.PublicURL = c.public })
			h := web.New(d.deps)
			ask := func(method, body string) *httptest.ResponseRecorder {
				r := httptest.NewRequest(method, "http://"+c.host+"/admin/login", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w
			}
			w := ask("POST", "key="+d.admin)
			set := w.Result().Cookies()
			if w.Code != http.StatusSeeOther || len(set) != 1 {
				t.Fatalf("%d, cookies %v", w.Code, set)
			}
			if got := set[0]; got.Name != c.cookie || got.Secure != strings.HasPrefix(c.cookie, "__Host-") || !got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Path != "/" || got.Domain != "" || len(got.Value) != 43 {
				t.Errorf("the cookie is %s", got)
			}
			if page := ask("GET", "").Body.String(); strings.Contains(page, `id="plain"`) != c.plain || strings.Contains(page, "<script") {
				t.Errorf("the page says\n%s", page)
			}
		})
	}
}

// Tried: what another site's page, or another port of this machine, makes a browser send with the session.
func TestOtherSitesCannotUseTheSession(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	session := d.logIn()
	before := d.text("select count(*)::text from audit_entries")
	for _, route := range slices.Concat(queueRoutes, []string{"POST /admin/logout", "POST /admin/login"}) {
		method, path, _ := strings.Cut(route, " ")
		if method == "GET" {
			continue
		}
		for _, from := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "http://127.0.0.1:1"}, {"Origin", "null"}} {
			d.with(session, method, path, from...).refused(http.StatusForbidden, "cross_origin")
		}
	}
	if after := d.text("select count(*)::text from audit_entries"); after != before {
		t.Errorf("%s audit entries became %s", before, after)
	}
}

// Tried: jobs that are cancelled, retried and deleted, a queue that is paused; and every page, twice, which changes
// nothing.
func TestChangesOfTheQueueAreRecordedAndLookingIsNone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	session := d.logIn()
	d.ownerExec("insert into river_queue (name, updated_at) values ('inbound', now()); insert into river_job (kind, max_attempts, args, queue) values ('send_letter', 1, '{}', 'letters')")
	id := d.text("select max(id)::text from river_job")
	shot := func() string {
		return d.state() + d.text("select concat(string_agg(j::text, ' '), (select string_agg(q::text, ' ') from river_queue q), (select count(*) from audit_entries)) from river_job j")
	}
	before := shot()
	for _, route := range slices.Concat(queueRoutes, queueRoutes) {
		if path, ok := strings.CutPrefix(route, "GET "); ok {
			if a := d.with(session, "GET", path); a.status >= 500 {
				t.Errorf("%s: %d %s", route, a.status, a.body)
			}
		}
	}
	if after := shot(); after != before {
		t.Errorf("looking changed\n%s to\n%s", before, after)
	}
	for _, c := range []struct{ method, path, body, then string }{
		{"POST", "jobs/cancel", `{"ids":["` + id + `"]}`, "select state = 'cancelled' from river_job"},
		{"POST", "jobs/retry", `{"ids":["` + id + `"]}`, "select state = 'available' from river_job"},
		{"PUT", "queues/inbound/pause", "", "select paused_at is not null from river_queue"},
		{"PUT", "queues/inbound/resume", "", "select paused_at is null from river_queue"},
		{"POST", "jobs/delete", `{"ids":["` + id + `"]}`, "select count(*) = 0 from river_job"},
	} {
		a := d.do(request{method: c.method, path: "/admin/jobs/api/" + c.path, key: "none", body: c.body, header: map[string]string{"Cookie": session, "Sec-Fetch-Site": "same-origin"}})
		if done := d.text("select (" + c.then + ")::text"); a.status != http.StatusOK || done != "true" {
			t.Errorf("%s: %d %s; %s: %s", c.path, a.status, a.body, c.then, done)
		}
		if got, want := d.text("select concat_ws(' ', kind, actor_name, label, detail ->> 'request') from audit_entries order by seq desc limit 1"), strings.TrimSpace("queue.changed key of admin "+c.method+" "+c.path+" "+c.body); strings.TrimSpace(got) != want {
			t.Errorf("recorded as %q, want %q", got, want)
		}
	}
	d.with(session, "POST", "/admin/jobs/nothing").refused(http.StatusNotFound, "route_not_found")
}

func TestPagesOfTheQueueAreNowhereWithoutOne(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(deps *web.Deps) { deps.Jobs = nil })
	d.with(d.logIn(), "GET", "/admin/jobs/").refused(http.StatusNotFound, "route_not_found")
}

// TestQueueInABrowser logs in as an operator does, looks at the queue on a desktop and on a telephone, and logs out.
// The policy must let River UI work: what it refuses is counted.
func TestQueueInABrowser(t *testing.T) {
	t.Parallel()
	d, p := newDesk(t), browse(t, true)
	d.ownerExec(`insert into river_queue (name, updated_at) values ('letters', now())`)
	d.ownerExec(`insert into river_job (kind, max_attempts, args, queue, state, scheduled_at) select 'send_letter', 1, '{"letter_id": "secret-args"}', 'letters', 'scheduled', now() + interval '1 hour' from generate_series(1, 5)`)
	p.do(chromedp.Navigate(d.url+"/admin/jobs/"), chromedp.WaitVisible("#key"))
	p.picture("login")
	p.fill("key", "pst_nonsense")
	p.do(chromedp.Click("button[type=submit]"), chromedp.WaitVisible("#problem"))
	p.picture("login-refused")
	if kept := p.value("#key"); kept != "" {
		t.Errorf("the key is shown again: %q", kept)
	}
	if bare := eval[string](p, `[...document.querySelectorAll("input")].filter(e => e.labels.length === 0).map(e => e.id).join()`); bare != "" {
		t.Errorf("fields without a label: %s", bare)
	}
	p.do(chromedp.EmulateViewport(390, 800), chromedp.Navigate(d.url+"/admin/login"), chromedp.WaitVisible("#key"))
	p.picture("login-narrow")
	if eval[bool](p, `document.documentElement.scrollWidth > window.innerWidth`) {
		t.Error("the login is wider than a telephone")
	}
	p.fill("key", d.admin)
	p.do(chromedp.EmulateViewport(1100, 900), chromedp.Click("button[type=submit]"), chromedp.WaitVisible(`//main//a[contains(@href, "/admin/jobs/")]`))
	_, err := chromedp.Call(p.ctx, devtools.AddScriptToEvaluateOnNewDocument, devtools.AddScriptToEvaluateOnNewDocumentParams{
		Source: `refused = []; addEventListener("securitypolicyviolation", e => refused.push(e.violatedDirective + " " + e.blockedURI))`})
	must(t, err)
	p.do(chromedp.Navigate(d.url+"/admin/jobs/jobs?state=scheduled"), chromedp.WaitVisible(`//*[contains(text(), "send_letter")]`))
	p.picture("queue")
	refused := func(page string) {
		t.Helper()
		if what := eval[[]string](p, `refused.filter(e => e !== "script-src eval")`); len(what) > 0 {
			t.Errorf("the policy refuses on the page of %s: %q", page, what)
		}
	}
	refused("a state")
	if shown := p.text("body"); strings.Contains(shown, "secret-args") {
		t.Error("the list shows arguments")
	}
	for _, name := range eval[[]string](p, `performance.getEntriesByType("resource").map(e => e.name)`) {
		if !strings.HasPrefix(name, d.url) {
			t.Errorf("the page loads %s", name)
		}
	}
	p.do(chromedp.EmulateViewport(390, 800), chromedp.WaitVisible(`//*[contains(text(), "send_letter")]`))
	p.picture("queue-narrow")
	p.do(chromedp.EmulateViewport(1100, 900), chromedp.Navigate(d.url+"/admin/jobs/queues"), chromedp.WaitVisible(`//*[contains(text(), "letters")]`))
	p.picture("queues")
	refused("the queues")
	p.do(chromedp.Navigate(d.url+"/admin/jobs/jobs/"+d.text("select max(id)::text from river_job")), chromedp.WaitVisible(`//*[contains(text(), "Delete")]`))
	p.picture("job")
	refused("a job")
	p.do(chromedp.Navigate(d.url+"/admin/login"), chromedp.WaitVisible("main form button"))
	p.picture("logged-in")
	p.do(chromedp.Click("main form button"), chromedp.WaitVisible("#key"))
	p.do(chromedp.Navigate(d.url+"/admin/jobs/"), chromedp.WaitVisible("#key"))
}
