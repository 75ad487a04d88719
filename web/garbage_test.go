package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/postern-desk/postern/web"
)

// TestGarbageIsRefusedAndChangesNothing posts wrong things of every kind to every route. Each answer is a
// problem with a code of the list, never a 500, and the database stays as it was.
func TestGarbageIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before := d.state()
	bodies := map[string]struct {
		body   any
		status int
		code   string
	}{
		"nothing":         {"", 400, "invalid_json"},
		"no JSON":         {"<xml/>", 400, "invalid_json"},
		"cut off":         {`{"subject": "x`, 400, "invalid_json"},
		"two values":      {`{} {}`, 400, "invalid_json"},
		"bytes":           {[]byte{0xff, 0xfe, 0, 1}, 400, "invalid_json"},
		"null":            {"null", 422, "validation_failed"},
		"a list":          {"[]", 422, "validation_failed"},
		"a text":          {`"x"`, 422, "validation_failed"},
		"unknown field":   {`{"nonsense": 1}`, 422, "validation_failed"},
		"deep":            {strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), 400, "invalid_json"},
		"too many bytes":  {`{"x": "` + strings.Repeat("a", 36<<20) + `"}`, 413, "body_too_large"},
		"wrong type":      {`{"subject": 1, "body": [], "name": {}, "visibility": 3, "role": 7, "address": false, "status": 0}`, 422, "validation_failed"},
		"another charset": {`{"subject":"` + "\xe4" + `"}`, 400, "invalid_json"},
	}
	for _, r := range web.Table() {
		takesBody := (r.Method == "POST" || r.Method == "PATCH") && !strings.HasSuffix(r.Path, "/check") && !strings.HasSuffix(r.Path, "/resend")
		for name, c := range bodies {
			if !takesBody {
				continue
			}
			a := d.do(request{method: r.Method, path: concrete(r.Path), body: c.body, key: d.admin, header: map[string]string{"If-Match": `"1"`}})
			if a.status != c.status || a.object()["code"] != c.code {
				t.Errorf("%s %s with %s: %d %.200s; want %d %s", r.Method, r.Path, name, a.status, a.body, c.status, c.code)
			}
			a.refused(c.status, c.code)
		}
		for _, query := range []string{"nonsense=1", "limit=0", "limit=201", "limit=x", "limit=-1", "limit=1&limit=2", "cursor=AAAA", "cursor=%00", "status=%00nope", "from=yesterday"} {
			a := d.do(request{method: r.Method, path: concrete(r.Path) + "?" + query, body: "{}", key: d.admin})
			if code, _ := a.object()["code"].(string); a.status != 422 || (code != "validation_failed" && code != "invalid_cursor") {
				t.Errorf("%s %s?%s: %d %s", r.Method, r.Path, query, a.status, a.body)
			}
		}
		if strings.Contains(r.Path, "{id}") {
			for _, id := range []string{"x", "0", "-1", "1e3", "%00", "..", strings.Repeat("9", 40), anyID() + "0"} {
				a := d.do(request{method: r.Method, path: strings.ReplaceAll(r.Path, "{id}", id), body: "{}", key: d.admin, header: map[string]string{"If-Match": `"1"`}})
				if a.status != 422 && a.status != 404 {
					t.Errorf("%s %s with id %q: %d %s", r.Method, r.Path, id, a.status, a.body)
				}
				a.refused(a.status, a.text("code"))
				if !slices.Contains(web.CodeNames(), a.text("code")) {
					t.Errorf("code %q is not in the list", a.text("code"))
				}
			}
		}
	}
	if after := d.state(); after != before {
		t.Errorf("garbage changed something: %s, then %s", before, after)
	}
	if strings.Contains(d.logs.String(), "level=ERROR") {
		t.Errorf("garbage was logged as a failure of ours:\n%s", d.logs.String())
	}
}

func TestUnknownRoutesAndMethodsAreProblems(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.get("/v1/nonsense").refused(404, "route_not_found")
	d.get("/v1/tickets/").refused(404, "route_not_found")
	d.do(request{method: "GET", path: "/v1/nonsense", header: map[string]string{"Accept": "text/html"}}).refused(404, "route_not_found")
	a := d.do(request{method: "DELETE", path: "/v1/tickets"}).refused(405, "method_not_allowed")
	if got := a.header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow is %q", got)
	}
	d.do(request{method: "TRACE", path: "/v1/me"}).refused(405, "method_not_allowed")
	d.do(request{method: "PUT", path: "/support", body: "x"}).refused(405, "method_not_allowed")
	page := d.do(request{method: "GET", path: "/nonsense", header: map[string]string{"Accept": "text/html"}}).want(404)
	if !strings.Contains(string(page.body), "no page at this address") {
		t.Errorf("browsers get no page: %s", page.body)
	}
	d.do(request{method: "POST", path: "/v1/clients", body: "name=x", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}).
		refused(415, "unsupported_media_type")
}

// TestTextIsCleanedBeforeItIsStored sends what PostgreSQL refuses and what hides in terminals.
func TestTextIsCleanedBeforeItIsStored(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	dirty := "a\x00b\x1b[31m\r\nc\u0085d"
	a := d.openTicket(map[string]any{"subject": dirty, "body": dirty, "name": dirty, "tags": []string{dirty}, "custom": map[string]any{dirty: dirty}})
	o := a.object()
	if o["subject"] != "ab[31m cd" || o["tags"].([]any)[0] != "ab[31m cd" || o["custom"].(map[string]any)["ab[31m cd"] != "ab[31m\ncd" {
		t.Errorf("not cleaned: %s", a.body)
	}
	for _, query := range []string{"q=a%00b", "tag=a%00", "custom.a%00=b%00", "q=%ff%fe"} {
		d.get("/v1/tickets?" + query).want(200)
		d.get("/v1/tickets/counts?" + query).want(200)
	}
	client := d.post("/v1/clients", map[string]any{"name": dirty, "crm_ref": dirty}).want(201)
	if client.text("name") != "ab[31m cd" {
		t.Errorf("not cleaned: %s", client.body)
	}
	d.post("/v1/contacts", map[string]any{"name": dirty, "phone": dirty, "email": "x@y.example"}).want(201)
	d.post("/v1/tickets/"+a.text("id")+"/messages", map[string]any{"visibility": "internal", "body": dirty,
		"attachments": []any{map[string]any{"name": dirty + "/../" + dirty, "type": dirty, "content_base64": ""}}}).want(201)
	d.do(request{method: "POST", path: "/v1/api-keys", key: d.admin, body: map[string]any{"name": dirty, "role": "staff"}}).want(201)
	d.post("/v1/tickets", map[string]any{"subject": "\x00\x01", "body": "x", "email": "a@b.example"}).refused(422, "invalid_subject")
}

func TestFailuresSayNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(deps *web.Deps) {
		deps.Tickets = nil // every use of it panics
	})
	a := d.get("/v1/tickets").refused(http.StatusInternalServerError, "internal")
	if strings.Contains(string(a.body), "nil pointer") || !strings.Contains(d.logs.String(), "nil pointer") {
		t.Errorf("the caller is told %s, the log says %s", a.body, d.logs)
	}
	if id := a.header.Get("X-Request-Id"); id == "" || !strings.Contains(d.logs.String(), "request_id="+id) {
		t.Errorf("request id %q is not in the log", id)
	}
	d.db.Close()
	d.do(request{method: "GET", path: "/readyz", key: "none"}).refused(503, "unavailable")
	d.do(request{method: "GET", path: "/healthz", key: "none"}).want(200)
}

// TestErrorsNameTheField tries one thing wrong at a time; the field is named as it stands in the request,
// whoever found it wrong: the guard, the framework, this door or the domain.
func TestErrorsNameTheField(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	path := d.openTicket(nil).header.Get("Location")
	person := func(more string) string { return `{"subject": "s", "body": "b", "email": "a@b.example"` + more + `}` }
	for _, c := range []struct {
		method, path, body string
		fields             string
	}{
		{"GET", "/v1/tickets?nonsense=1", "", "query.nonsense"},
		{"GET", "/v1/tickets?zeta=1&alpha=2&limit=1", "", "query.alpha query.zeta"},
		{"GET", "/v1/tickets?limit=1&limit=2", "", "query.limit"},
		{"GET", "/v1/tickets?a%0Ab=1", "", "query.a b"},
		{"GET", "/v1/tickets?limit=0", "", "query.limit"},
		{"GET", "/v1/tickets?limit=x", "", "query.limit"},
		{"GET", "/v1/tickets?status=solved", "", "query.status"},
		{"GET", "/v1/tickets?from=yesterday", "", "query.from"},
		{"GET", "/v1/tickets?cursor=x", "", "query.cursor"},
		{"GET", "/v1/contacts?email=x", "", "query.email"},
		{"GET", "/v1/tickets/x", "", "path.id"},
		{"POST", "/v1/tickets", `{"body": "b"}`, "body.subject"},
		{"POST", "/v1/tickets", `{}`, "body.body body.subject"},
		{"POST", "/v1/tickets", person(`, "nonsense": 1`), "body.nonsense"},
		{"POST", "/v1/tickets", person(`, "priority": "urgent"`), "body.priority"},
		{"POST", "/v1/tickets", person(`, "tags": ["a", 1]`), "body.tags[1]"},
		{"POST", "/v1/tickets", person(`, "tags": ["` + strings.Repeat("ä", 101) + `"]`), "body.tags"},
		{"POST", "/v1/tickets", person(`, "custom": {"a": []}`), "body.custom"},
		{"POST", "/v1/tickets", `{"subject": " ", "body": "b", "email": "a@b.example"}`, "body.subject"},
		{"POST", "/v1/tickets", `{"subject": "s", "body": "b"}`, "body.email"},
		{"POST", path + "/messages", `{"visibility": "internal", "body": "b", "attachments": [{"name": "a"}]}`, "body.attachments[0].content_base64"},
		{"POST", path + "/messages", `{"visibility": "internal", "body": "b", "attachments": [{"name": "a", "content_base64": "*"}]}`, "body.attachments[0]"},
		{"POST", path + "/merge", `{"into": "x"}`, "body.into"},
		{"PATCH", path, `{"status": "closed"}`, "header.If-Match"},
	} {
		a := d.do(request{method: c.method, path: c.path, body: c.body})
		var got []string
		for _, e := range a.object()["errors"].([]any) {
			got = append(got, e.(map[string]any)["field"].(string))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.fields {
			t.Errorf("%s %s %s: %v, want %s; %s", c.method, c.path, c.body, got, c.fields, a.body)
		}
	}
	if a := d.get("/v1/tickets?statsu=open").refused(422, "validation_failed"); !strings.Contains(a.text("detail"), "query.statsu") {
		t.Errorf("the one line does not name it: %s", a.body)
	}
}
