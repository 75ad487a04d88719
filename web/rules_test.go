package web_test

import (
	"fmt"
	"strings"
	"testing"
)

func (d *desk) asAdmin(method, path string, body any, etag string) answer {
	d.t.Helper()
	return d.do(request{method: method, path: path, body: body, key: d.admin, header: map[string]string{"If-Match": etag}})
}

func aRule(name string, more map[string]any) map[string]any {
	r := map[string]any{"name": name, "when": `subject contains "invoice"`, "then": map[string]any{"tags": []string{" billing ", "billing"}}}
	for k, v := range more {
		r[k] = v
	}
	return r
}

func TestRulesAreKeptInTheirOrder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.asAdmin("POST", "/v1/rules", aRule("first", nil), "").want(201)
	path, o := a.header.Get("Location"), a.object()
	if o["enabled"] != false || o["position"] != 10.0 || o["on"] != "new" || fmt.Sprint(o["then"]) != "map[tags:[billing]]" || a.header.Get("ETag") != `"1"` {
		t.Errorf("made: %s", a.body)
	}
	d.asAdmin("POST", "/v1/rules", aRule("third", nil), "").want(201)
	d.asAdmin("POST", "/v1/rules", aRule("second", map[string]any{"position": 15, "on": "any", "enabled": true, "then": map[string]any{"priority": "low", "custom": map[string]any{"n": 1, "b": true}, "stop": true}}), "").want(201)
	order := func(query string) (names []string, next string) {
		page := d.get("/v1/rules?" + query).want(200)
		for _, r := range page.items() {
			names = append(names, r["name"].(string))
		}
		next, _ = page.object()["next_cursor"].(string)
		return names, next
	}
	if names, _ := order(""); strings.Join(names, " ") != "first second third" {
		t.Errorf("order: %v", names)
	}
	page, next := order("limit=2")
	rest, end := order("limit=2&cursor=" + next)
	if strings.Join(append(page, rest...), " ") != "first second third" || end != "" {
		t.Errorf("pages: %v, %v", page, rest)
	}
	d.get("/v1/rules?cursor=nonsense").refused(422, "invalid_cursor")
	d.asAdmin("PATCH", path, map[string]any{"position": 999, "enabled": true}, `"1"`).want(200)
	if names, _ := order(""); strings.Join(names, " ") != "second third first" {
		t.Errorf("moved: %v", names)
	}
	if got := d.get(path).want(200); got.object()["version"] != 2.0 || got.object()["enabled"] != true || got.object()["when"] != `subject contains "invoice"` {
		t.Errorf("read back: %s", got.body)
	}
	d.asAdmin("PATCH", path, map[string]any{"enabled": false}, `"1"`).refused(412, "stale_version")
	d.asAdmin("PATCH", path, map[string]any{"enabled": false}, "").refused(428, "precondition_required")
	d.asAdmin("DELETE", path, nil, "").want(204)
	d.get(path).refused(404, "rule_not_found")
	d.asAdmin("DELETE", path, nil, "").refused(404, "rule_not_found")
}

// Tried: what a rule may not be, and who may not touch rules.
func TestRulesAreRefusedWithTheirRemedy(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	path := d.asAdmin("POST", "/v1/rules", aRule("Taken", nil), "").want(201).header.Get("Location")
	then := func(of map[string]any) map[string]any { return aRule("x", map[string]any{"then": of}) }
	for i, c := range []struct {
		body         map[string]any
		status       int
		code, detail string
	}{
		{aRule("taken", nil), 409, "rule_name_taken", "choose another"},
		{aRule(" ", nil), 422, "invalid_name", "needs a name"},
		{aRule("x", map[string]any{"when": "subject = \"x\""}), 422, "invalid_when", "line 1, column 9"},
		{aRule("x", map[string]any{"when": "sender == \"x\""}), 422, "invalid_when", "unknown name sender"},
		{aRule("x", map[string]any{"when": `text matches "` + strings.Repeat("[a-z]x", 600) + `"`}), 422, "when_too_costly", "shorten its patterns"},
		{aRule("x", map[string]any{"on": "old"}), 422, "validation_failed", ""},
		{then(map[string]any{}), 422, "invalid_then", "say what follows"},
		{then(map[string]any{"set_aside": "spam", "priority": "low"}), 422, "invalid_then", "no ticket to mark"},
		{then(map[string]any{"set_aside": "held"}), 422, "validation_failed", ""},
		{then(map[string]any{"priority": "urgent"}), 422, "validation_failed", ""},
		{then(map[string]any{"custom": map[string]any{"a": []int{1}}}), 422, "invalid_custom", ""},
		{then(map[string]any{"tags": []string{strings.Repeat("x", 101)}}), 422, "invalid_tag", ""},
		{aRule("x", map[string]any{"on": "reply", "then": map[string]any{"no_acknowledgement": true}}), 422, "invalid_then", "never acknowledged"},
	} {
		if a := d.asAdmin("POST", "/v1/rules", c.body, "").refused(c.status, c.code); !strings.Contains(string(a.body), c.detail) {
			t.Errorf("%d: %s; want %s", i, a.body, c.detail)
		}
	}
	for _, r := range []request{{method: "POST", path: "/v1/rules", body: aRule("y", nil)}, {method: "PATCH", path: path, body: map[string]any{"enabled": true}, header: map[string]string{"If-Match": "*"}},
		{method: "DELETE", path: path}, {method: "POST", path: "/v1/rules/try", body: map[string]any{"when": "true", "then": map[string]any{"stop": true}}}} {
		d.do(r).refused(403, "forbidden")
	}
	d.get(path).want(200)
}

// Tried: a rule on the emails of a desk before it is switched on: which match, what would differ, page by page; and
// that the trial leaves nothing behind.
func TestRulesAreTriedOnStoredEmails(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 5 {
		d.accept(email("ann@client.example", fmt.Sprintf("invoice %d", i), ""))
		d.accept(email("bob@other.example", fmt.Sprintf("URGENT help %d", i), ""))
	}
	d.accept(email("ann@client.example", "invoice spam", "X-Spam-Flag: YES\r\n"))
	before := d.state()
	try := func(when string, more map[string]any) answer {
		d.t.Helper()
		body := map[string]any{"when": when, "then": map[string]any{"priority": "low", "tags": []string{"billing"}, "custom": map[string]any{"team": "b"}, "no_acknowledgement": true}}
		for k, v := range more {
			body[k] = v
		}
		return d.asAdmin("POST", "/v1/rules/try", body, "")
	}
	got := try(`subject startsWith "invoice"`, nil).want(200).object()
	items := got["items"].([]any)
	if got["looked_at"] != 10.0 || got["matched"] != 5.0 || got["failed"] != 0.0 || len(items) != 5 || got["next_cursor"] != nil {
		t.Fatalf("tried: %v", got)
	}
	first := items[0].(map[string]any)
	changes := map[string]string{}
	for _, c := range first["changes"].([]any) {
		c := c.(map[string]any)
		changes[c["field"].(string)] = fmt.Sprint(c["from"], " -> ", c["to"])
	}
	if first["email"].(map[string]any)["subject"] != "invoice 4" || changes["priority"] != "medium -> low" || changes["tags"] != " -> billing" || changes["custom.team"] != " -> b" || first["failure"] != nil {
		t.Errorf("the newest match: %v", first)
	}
	if aside := try(`from == "bob@other.example"`, map[string]any{"then": map[string]any{"set_aside": "spam"}, "limit": 3}).want(200).object(); aside["looked_at"] != 3.0 ||
		!strings.Contains(fmt.Sprint(aside["items"]), "map[field:disposition from:opened to:spam]") || aside["next_cursor"] == nil {
		t.Errorf("set aside: %v", aside)
	}
	seen, cursor := 0, ""
	for range 10 {
		page := try("true", map[string]any{"limit": 4, "cursor": cursor}).want(200).object()
		seen += len(page["items"].([]any))
		if cursor, _ = page["next_cursor"].(string); cursor == "" {
			break
		}
	}
	if seen != 10 {
		t.Errorf("%d emails over all pages", seen)
	}
	if failing := try(`cc[0] == "x"`, map[string]any{"limit": 2}).want(200).object(); failing["failed"] != 2.0 || !strings.Contains(fmt.Sprint(failing["items"]), "index out of range") {
		t.Errorf("failing: %v", failing)
	}
	if replies := try("true", map[string]any{"on": "reply", "then": map[string]any{"stop": true}}).want(200).object(); replies["matched"] != 0.0 {
		t.Errorf("of replies: %v", replies)
	}
	if after := d.state(); after != before {
		t.Errorf("a trial changed the desk: %s, then %s", before, after)
	}
	try("nonsense", nil).refused(422, "invalid_when")
	try("true", map[string]any{"cursor": "x"}).refused(422, "invalid_cursor")
}
