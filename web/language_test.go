package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/postern-desk/postern/web"
)

// TestFormSpeaksTheVisitorsLanguage asks as browsers do and with ?lang=, follows a post to its page of thanks,
// and looks at what the letter of it says.
func TestFormSpeaksTheVisitorsLanguage(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(x *web.Deps) { x.DeskLanguage = "es" })
	for _, c := range []struct{ path, accept, lang, says string }{
		{"/support", "de-CH, en;q=0.8", "de", "Ihre E-Mail-Adresse"},
		{"/support?lang=fr", "de", "fr", "Votre adresse e-mail"},
		{"/support?lang=tlh", "en-GB", "en", "Your email address"},
		{"/support", "ja", "es", "Su correo electrónico"},
		{"/support", "", "es", "Su correo electrónico"},
		{"/", "de", "de", "Das ist ein Helpdesk"},
		{"/nothing", "fr", "fr", "Aucune page"},
		{"/docs", "fr", "en", "API reference"},
	} {
		a := d.do(request{method: "GET", path: c.path, key: "none", header: map[string]string{"Accept": "text/html", "Accept-Language": c.accept}})
		page := string(a.body)
		if !strings.Contains(page, `<html lang="`+c.lang+`">`) || !strings.Contains(page, c.says) || a.header.Get("Vary") == "" {
			t.Errorf("%s in %q: Vary %q\n%s", c.path, c.accept, a.header.Get("Vary"), page)
		}
	}

	a := d.do(request{method: "POST", path: "/support?lang=de", body: typed().Encode(), key: "none",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}}).want(http.StatusSeeOther)
	thanks := string(d.do(request{method: "GET", path: a.header.Get("Location"), key: "none"}).want(200).body)
	if !strings.Contains(thanks, "Ihre Anfrage ist angekommen") || !strings.Contains(thanks, "?lang=fr&amp;number=10") {
		t.Errorf("thanks at %s: %s", a.header.Get("Location"), thanks)
	}
	if l := d.get("/v1/contacts?email=ann@client.example").items()[0]["language"]; l != "de" {
		t.Errorf("the new contact's language is %v", l)
	}
	wrong := d.submit(typed("email", "x"), "Accept-Language", "fr").want(422)
	if !strings.Contains(string(wrong.body), "ne ressemble pas") || !strings.Contains(string(wrong.body), "signalés") {
		t.Errorf("what is wrong: %s", wrong.body)
	}
	// A program that asks for no language has none.
	d.submit(typed("email", "bob@client.example")).want(303)
	if l := d.get("/v1/contacts?email=bob@client.example").items()[0]["language"]; l != "" {
		t.Errorf("a contact that asked for no language has %v", l)
	}
}
