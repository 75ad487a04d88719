package letter

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/postern-desk/postern/internal/words"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (- golden, + now); run with -update if it is meant:\n%s", name, diff)
	}
}

func goldenRendered(t *testing.T, name string, r Rendered, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, name+".txt", "Subject: "+r.Subject+"\nAuto: "+string(r.Auto)+"\n\n"+r.Text)
	golden(t, name+".html", r.HTML)
}

var (
	march  = time.Date(2026, 3, 3, 15, 5, 0, 0, time.FixedZone("CET", 3600))
	acked  = Acknowledgement{Desk: "Northwind Support", TicketNumber: "1042", Subject: "RE: Re: printer on fire <b>", ContactName: "Ann O'Hara", Excerpt: "Smoke & flames,\r\nplease <hurry>.\n\n\n\nAnn", Link: "https://desk.example/t/abc?x=1&y=2"}
	notice = Notice{Desk: "Northwind Support", TicketNumber: "1042", Subject: "printer on fire", From: Address{"Ann O'Hara", "ann@client.example"}, Priority: "high", PriorityReasons: []string{"the subject says fire", "VIP contact"}, Excerpt: "Smoke & flames,\nplease <hurry>.", Link: "https://desk.example/tickets/1042"}
	out    = Outage{Desk: "Northwind Support", Mailbox: "support@desk.example", Server: "imap.desk.example:993", Since: march, Summary: "The mail server refuses the login.", Remedy: "Check the password.", Detail: "it said: <no>"}
	answer = Answer{Desk: "Northwind Support", AuthorName: "Bo Larsen", TicketNumber: "1042", Subject: "AW: printer on fire [#1042]", Body: "Hello Ann,\n\nread https://kb.example/fire?a=1&b=2.\n  - water\n  - not oil\n\n<script>alert(1)</script>", Quoted: Quoted{Name: "Ann O'Hara", At: march, Text: "Smoke\n\nAnn"}, Link: "https://desk.example/t/abc"}
)

func TestRenderedLettersMatchTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	r, err := RenderAcknowledgement(acked)
	goldenRendered(t, "acknowledgement", r, err)
	r, err = RenderAcknowledgement(Acknowledgement{Desk: "Desk", TicketNumber: "7"})
	goldenRendered(t, "acknowledgement-bare", r, err)
	r, err = RenderNotice(notice)
	goldenRendered(t, "notice", r, err)
	r, err = RenderNotice(Notice{Desk: "Desk", TicketNumber: "7", From: Address{Address: "x@y.example"}, Verified: true})
	goldenRendered(t, "notice-bare", r, err)
	r, err = RenderOutage(out)
	goldenRendered(t, "outage", r, err)
	r, err = RenderOutage(Outage{Desk: "Desk", Mailbox: "x@y.example", Sends: true, Since: march})
	goldenRendered(t, "outage-bare", r, err)
	r, err = RenderAnswer(answer)
	goldenRendered(t, "answer", r, err)
	r, err = RenderAnswer(Answer{Desk: "Desk", TicketNumber: "7", Body: "Done."})
	goldenRendered(t, "answer-bare", r, err)
}

// TestLettersSpeakEveryLanguage keeps a golden file of each letter in each language, and finds no English in the others.
func TestLettersSpeakEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, l := range words.All[1:] {
		look := Look{Language: l, Zone: words.Zone("Europe/Paris")}
		ack, not, ans := acked, notice, answer
		ack.Look, not.Look, ans.Look = look, look, look
		ack.Back = march.Add(18 * time.Hour)
		trouble := Outage{Look: look, Desk: "Northwind Support", Mailbox: "support@desk.example", Sends: true, Server: "smtp.desk.example:465", Since: march,
			Summary: l.T("outage.login_refused"), Remedy: l.T("outage.login_refused_remedy"), Detail: "535 5.7.8"}
		ans.Logo, ans.Accent = "https://desk.example/logo.png?a=1&b=2", "#0b6e4f"
		not.PriorityReasons = []string{`the subject says "fire"`, "the contact is tagged VIP"}
		held := not
		held.Held, held.Subject = "DKIM", ""
		for name, render := range map[string]func() (Rendered, error){
			"acknowledgement": func() (Rendered, error) { return RenderAcknowledgement(ack) },
			"notice":          func() (Rendered, error) { return RenderNotice(not) },
			"held":            func() (Rendered, error) { return RenderNotice(held) },
			"answer":          func() (Rendered, error) { return RenderAnswer(ans) },
			"outage":          func() (Rendered, error) { return RenderOutage(trouble) },
		} {
			r, err := render()
			goldenRendered(t, name+"-"+string(l), r, err)
			for _, english := range []string{"Subject:", "Number:", "wrote", "the ", "You ", "ticket was", "subject)", `lang="en"`, "March"} {
				if body := strings.TrimPrefix(r.Text, look.ReplyLine()) + r.HTML; strings.Contains(body, english) {
					t.Errorf("%s: %s says %q:\n%s", l, name, english, r.Text)
				}
			}
			sameWords(t, r)
		}
	}
}

// TestTextAndHTMLSayTheSame compares word by word, marks of quotes and lists
// aside.
func TestTextAndHTMLSayTheSame(t *testing.T) {
	t.Parallel()
	ack, err1 := RenderAcknowledgement(acked)
	not, err2 := RenderNotice(notice)
	ans, err3 := RenderAnswer(answer)
	trouble, err4 := RenderOutage(out)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for _, r := range []Rendered{ack, not, ans, trouble} {
		sameWords(t, r)
	}
}

func sameWords(t *testing.T, r Rendered) {
	t.Helper()
	plainWords := func(text string) []string {
		return slices.DeleteFunc(strings.Fields(strings.ReplaceAll(text, "\u00a0", " ")), func(w string) bool { return w == ">" || w == "-" })
	}
	root, err := html.Parse(strings.NewReader(r.HTML))
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			shown.WriteString(n.Data)
		}
	}
	if diff := cmp.Diff(plainWords(r.Text), plainWords(shown.String())); diff != "" {
		t.Errorf("%s: text and HTML differ:\n%s", r.Subject, diff)
	}
}

func TestHTMLOfHostileDataStaysHarmless(t *testing.T) {
	t.Parallel()
	evil := `"><img src=http://evil.example/x onerror=alert(1)><a href="javascript:alert(1)">`
	ack, err1 := RenderAcknowledgement(Acknowledgement{Desk: evil, TicketNumber: evil, Subject: evil, ContactName: evil, Excerpt: evil, Link: "javascript:alert(1)"})
	not, err2 := RenderNotice(Notice{Desk: evil, TicketNumber: evil, Subject: evil, From: Address{evil, evil}, Priority: evil, PriorityReasons: []string{evil}, Excerpt: evil, Link: evil})
	ans, err3 := RenderAnswer(Answer{Desk: evil, AuthorName: evil, TicketNumber: evil, Subject: evil, Body: evil + " https://a.example/\"onclick=x", Quoted: Quoted{Name: evil, Text: evil}})
	trouble, err4 := RenderOutage(Outage{Desk: evil, Mailbox: evil, Server: evil, Summary: evil, Remedy: evil, Detail: evil})
	for i, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(i, err)
		}
	}
	for _, page := range []string{ack.HTML, not.HTML, ans.HTML, trouble.HTML} {
		checkHarmless(t, page)
	}
}

// checkHarmless parses the page as a mail program would, and looks for anything
// that the templates do not contain.
func checkHarmless(t *testing.T, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if strings.Contains(" img script iframe object form svg link base ", " "+n.Data+" ") {
			t.Errorf("element %s got in", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" {
				t.Errorf("attribute %s got into %s", a.Key, n.Data)
			}
			if a.Key == "href" && !strings.HasPrefix(a.Val, "http") && a.Val != "#ZgotmplZ" {
				t.Errorf("link to %q", a.Val)
			}
		}
	}
}

func TestHeaderOfRenderedLetterIsOneLine(t *testing.T) {
	t.Parallel()
	evil := "hi\r\nBcc: x@evil.example\x00\u0085\u2028there"
	r, err := RenderAnswer(Answer{TicketNumber: "1\r\n2", Subject: evil})
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(r.Subject, "\r\n\x00\u0085\u2028") {
		t.Errorf("subject keeps a line break: %q", r.Subject)
	}
}

func TestReplySubject(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 150)
	for _, c := range []struct{ subject, number, want string }{
		{"printer", "1042", "Re: printer [#1042]"},
		{"Re: printer", "1042", "Re: printer [#1042]"},
		{"RE:re: AW : Sv: printer", "1042", "Re: printer [#1042]"},
		{"Re[2]: Re^3: printer", "1", "Re: printer [#1]"},
		{"回复：Antwort: printer", "1", "Re: printer [#1]"},
		{"Re: printer [#1042]", "1042", "Re: printer [#1042]"},
		{"Re: printer [#1041]", "1042", "Re: printer [#1041] [#1042]"},
		{"Fwd: Re: printer", "1", "Re: Fwd: Re: printer [#1]"},
		{"Release notes", "1", "Re: Release notes [#1]"},
		{"Result: none", "1", "Re: Result: none [#1]"},
		{"", "1", "Re: (no subject) [#1]"},
		{" Re: ", "1", "Re: (no subject) [#1]"},
		{"a\tb\r\n c", "1", "Re: a b c [#1]"},
		{"no number", "", "Re: no number"},
		{long, "1", "Re: " + long[:200] + "… [#1]"},
	} {
		if got := (Look{}).replySubject(c.subject, c.number); got != c.want {
			t.Errorf("ReplySubject(%q, %q) = %q, want %q", c.subject, c.number, got, c.want)
		}
	}
}

func TestExcerptIsShort(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"short":      {"a\n\n\n\nb  \n", "a\n\nb"},
		"empty":      {" \n\n", ""},
		"ten lines":  {strings.Repeat("x\n", 10), strings.TrimSpace(strings.Repeat("x\n", 10))},
		"more lines": {strings.Repeat("x\n", 11), strings.Repeat("x\n", 10) + "[...]"},
		"one line":   {strings.Repeat("é", 1000), strings.Repeat("é", 400) + "…\n[...]"},
		"controls":   {"a\x00\x1b[31mb\r\nc\u0085", "a[31mb\nc"},
		"not UTF-8":  {"a\xffb", "a\uFFFDb"},
	} {
		if got := excerpt(c.in); got != c.want {
			t.Errorf("%s: excerpt = %q, want %q", name, got, c.want)
		}
	}
}

func TestBodyHTMLMakesLinksClickable(t *testing.T) {
	t.Parallel()
	a := func(url string) string { return `<a href="` + url + `">` + url + `</a>` }
	for in, want := range map[string]string{
		"see https://x.example/a.":                    "see " + a("https://x.example/a") + ".",
		"(https://x.example/a_(b))":                   "(" + a("https://x.example/a_(b)") + ")",
		"<https://x.example/?a=1&b>":                  "&lt;" + a("https://x.example/?a=1&amp;b") + "&gt;",
		"https://x.example/\n\n  b":                   a("https://x.example/") + "<br>\n<br>\n&nbsp;&nbsp;b",
		"javascript:alert(1) data:text/html,x":        "javascript:alert(1) data:text/html,x",
		"ftp://x http:// https":                       "ftp://x http:// https",
		"https://x.example/, and http://y.example!?)": a("https://x.example/") + ", and " + a("http://y.example") + "!?)",
	} {
		if got := string((Look{}).Clickable(in)); got != want {
			t.Errorf("(Look{}).Clickable(%q)\n got %s\nwant %s", in, got, want)
		}
	}
}
