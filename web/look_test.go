package web_test

import (
	"strings"
	"testing"

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
