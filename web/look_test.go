package web_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/web"
)

// TestPagesBearTheDesksLogoAndColour looks that browsers may load the picture, and only from where it is.
func TestPagesBearTheDesksLogoAndColour(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(x *web.Deps) { x.Logo, x.Accent = "https://cdn.example:8443/logo.png?a=1&b=2", "#0b6e4f" })
	page := d.do(request{method: "GET", path: "/support", key: "none"}).want(200)
	if !strings.Contains(string(page.body), `<img src="https://cdn.example:8443/logo.png?a=1&amp;b=2" alt="" height="40">Acme Support`) {
		t.Errorf("no logo: %s", page.body)
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "img-src 'self' https://cdn.example:8443;") || !strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("policy %s", csp)
	}
	sheet := d.do(request{method: "GET", path: "/style.css", key: "none"}).want(200)
	if !strings.Contains(string(sheet.body), "--accent: #0b6e4f") || !strings.Contains(string(sheet.body), "body {") || sheet.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style %s", sheet.body)
	}
	plain := newDesk(t)
	if page := plain.do(request{method: "GET", path: "/support", key: "none"}); strings.Contains(string(page.body), "<img") ||
		!strings.Contains(page.header.Get("Content-Security-Policy"), "img-src 'self';") {
		t.Errorf("a desk without a logo: %s", page.body)
	}
}

// Tried: a mailbox with a name, a logo, a colour and hours of its own, ones that are refused, and their end.
func TestFormLooksAsItsMailbox(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(x *web.Deps) { x.Accent = "#000000" })
	path, version := "/v1/mailboxes/"+d.mailbox.ID.String(), `"1"`
	patch := func(body map[string]any) answer {
		return d.do(request{method: "PATCH", path: path, key: d.admin, body: body, header: map[string]string{"If-Match": version}})
	}
	hours := func(week, zone string, holidays ...string) map[string]any {
		return map[string]any{"business_hours": map[string]any{"week": week, "time_zone": zone, "holidays": holidays}}
	}
	patch(map[string]any{"accent_color": "#ffcc00"}).refused(422, "invalid_accent_color")
	patch(map[string]any{"accent_color": "red;x:y"}).refused(422, "invalid_accent_color")
	patch(map[string]any{"logo_url": "http://desk.example/l.png"}).refused(422, "invalid_logo")
	patch(hours("daily", "")).refused(422, "invalid_business_hours")
	patch(hours("mon 09:00-17:00", "", "Christmas")).refused(422, "invalid_business_hours")
	patch(hours("mon 09:00-17:00", "Mars/Base")).refused(422, "invalid_time_zone")
	patch(hours("mon 09:00-17:00", "Local")).refused(422, "invalid_time_zone")
	back := time.Now().UTC().AddDate(0, 0, 3)
	own := hours(strings.ToLower(back.Format("Mon"))+" 12:00-13:00", "UTC", "02-29")
	own["logo_url"], own["accent_color"], own["from_name"] = "https://parts.example/l.png", "#0b6e4f", "Spare parts"
	made := patch(own).want(200).object()
	if made["accent_color"] != "#0b6e4f" || made["business_hours"].(map[string]any)["time_zone"] != "UTC" {
		t.Errorf("the mailbox is %v", made)
	}
	page := d.do(request{method: "GET", path: "/support?lang=fr", key: "none"}).want(200)
	for _, want := range []string{"à partir du " + words.French.Day(back, nil) + " à 12:00 (UTC).", `<img src="https://parts.example/l.png" alt="" height="40">Spare parts`, `/style.css?accent=%230b6e4f`} {
		if !strings.Contains(string(page.body), want) {
			t.Errorf("no %q in %s", want, page.body)
		}
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "img-src 'self' https://parts.example;") {
		t.Errorf("policy %s", csp)
	}
	for colour, want := range map[string]string{"%230b6e4f": "--accent: #0b6e4f", "%23ffcc00": "--accent: #000000", "red;}*{display:none": "--accent: #000000"} {
		sheet := d.do(request{method: "GET", path: "/style.css?accent=" + colour, key: "none"}).want(200)
		if !strings.Contains(string(sheet.body), want) || strings.Contains(string(sheet.body), "display:none}") {
			t.Errorf("%s: %s", colour, sheet.body)
		}
	}
	version = `"2"`
	if got := patch(hours("", "")).want(200).object(); got["business_hours"] != nil {
		t.Errorf("without hours the mailbox is %v", got)
	}
}

// Tried: the form of a desk without hours says nothing, and one whose database is away is shown all the same.
func TestFormIsShownWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.db.Close()
	page := d.do(request{method: "GET", path: "/support", key: "none"}).want(200)
	if !strings.Contains(string(page.body), "Acme Support") || strings.Contains(string(page.body), `id="away"`) {
		t.Errorf("the form is %s", page.body)
	}
}

// Tried: the first visitor after a while leaves before the form is written. The next one sees the mailbox's name all the
// same: anybody could keep it from the form by such visits.
func TestVisitorWhoLeavesHidesNoMailbox(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	name := "Spare parts"
	_, err := d.deps.Mailboxes.Update(t.Context(), tester, d.mailbox.ID, d.mailbox.Version, mailboxes.Fields{FromName: &name})
	must(t, err)
	h := web.New(d.deps)
	gone, leave := context.WithCancel(t.Context())
	leave()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, "GET", "/support", nil))
	page := httptest.NewRecorder()
	h.ServeHTTP(page, httptest.NewRequest("GET", "/support", nil))
	if !strings.Contains(page.Body.String(), name) {
		t.Errorf("the form has no %q:\n%s", name, page.Body)
	}
}
