package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/web"
)

// TestEveryAnswerBearsSecurityHeaders asks for one answer of every kind.
func TestEveryAnswerBearsSecurityHeaders(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := map[string]bool{}
	for _, path := range []string{"/", "/support", "/docs", "/style.css", "/openapi.json", "/healthz", "/v1/me", "/v1/tickets?limit=0", "/v1/nonsense", "/nonsense"} {
		a := d.get(path)
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		policy := a.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy lacks %s", path, part)
			}
		}
		id := a.header.Get("X-Request-Id")
		if _, err := uuid.Parse(id); err != nil || ids[id] {
			t.Errorf("%s: request id %q", path, id)
		}
		ids[id] = true
		if a.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s promises https on a desk that has none", path)
		}
		if path != "/style.css" && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %s", path, a.header.Get("Cache-Control"))
		}
	}
	echoed := d.do(request{method: "GET", path: "/v1/me", header: map[string]string{"X-Request-Id": "chosen\tby me"}})
	if echoed.header.Get("X-Request-Id") == "chosen\tby me" {
		t.Error("a caller may choose the request id")
	}
}

// TestLogHoldsRoutesAndNoData looks for everything personal or secret that was sent.
func TestLogHoldsRoutesAndNoData(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.openTicket(map[string]any{"subject": "my-subject", "body": "my-body", "email": "me@private.example"})
	d.get(a.header.Get("Location")).want(200)
	d.get("/v1/contacts?email=me@private.example").want(200)
	d.get("/v1/tickets?q=my-question").want(200)
	d.get("/my-path/me@private.example").want(404)
	d.do(request{method: "GET", path: "/v1/me", key: "pst_wrong-key"}).want(401)
	logs := d.logs.String()
	for _, secret := range []string{"my-", "private.example", "pst_", a.text("id"), "127.0.0.1"} {
		if strings.Contains(logs, secret) {
			t.Errorf("the log holds %q:\n%s", secret, logs)
		}
	}
	for _, line := range []string{"method=POST route=/v1/tickets status=201", "route=/v1/tickets/{id} status=200", "route=/v1/me status=401", "status=404"} {
		if !strings.Contains(logs, line) {
			t.Errorf("the log lacks %q:\n%s", line, logs)
		}
	}
}

// TestDatabaseThatIsGoneIsUnavailable cuts the connections while the pool is open: callers are told to
// come back, and nothing of the database's words.
func TestDatabaseThatIsGoneIsUnavailable(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.get("/v1/tickets").want(200)
	d.cutOff()
	a := d.get("/v1/tickets")
	for range 20 { // a connection or two may still be found dead by use
		if a.status == http.StatusServiceUnavailable {
			break
		}
		a = d.get("/v1/tickets")
	}
	a.refused(http.StatusServiceUnavailable, "unavailable")
	if a.header.Get("Retry-After") == "" || strings.Contains(string(a.body), "connect") || strings.Contains(string(a.body), "test_") {
		t.Errorf("the caller is told %s", a.body)
	}
	d.do(request{method: "GET", path: "/readyz", key: "none"}).refused(503, "unavailable")
}

// TestAbortedRequestIsLeftToTheServer lets net/http end a connection in its own way.
func TestAbortedRequestIsLeftToTheServer(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(deps *web.Deps) {
		deps.Ready = func(context.Context) error { panic(http.ErrAbortHandler) }
	})
	if res, err := http.Get(d.url + "/readyz"); err == nil {
		res.Body.Close()
		t.Errorf("an aborted request was answered: %d", res.StatusCode)
	}
	if strings.Contains(d.logs.String(), "panic") {
		t.Errorf("it was logged as a failure: %s", d.logs)
	}
}

func TestDoorWithoutOptionalPartsOpens(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	web.New(web.Deps{PublicURL: "not a URL at all"}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	if rec.Code != http.StatusOK {
		t.Errorf("status %d", rec.Code)
	}
}
