package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/web"
)

// mutation is one way through a route that changes something, and the refusals beside it.
type mutation struct {
	path, etag string
	body       any
	status     int
	kind       string // of the audit entry
	refusals   []any  // bodies that the route refuses
	records    int    // how many it changes, where that is not one
	subject    string // of the audit entry, where neither the answer nor the path names it
}

// TestRow016_EveryChangeLeavesOneAuditEntry takes every route that changes something: the change leaves
// exactly one entry for each record that it changes, that names who, what and which; a refusal leaves none.
func TestRow016_EveryChangeLeavesOneAuditEntry(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(deps *web.Deps) {
		deps.Operator = "day@desk.example"
		deps.Check = func(context.Context, uuid.UUID) (web.CheckReport, error) { return web.CheckReport{OK: true}, nil }
	})
	d.post("/v1/contacts", map[string]any{"name": "Ann", "email": "ann@client.example"}).want(201)
	mutations := d.mutations()
	for _, r := range web.Table() {
		name := r.Method + " " + r.Path
		m, known := mutations[name]
		switch {
		case r.Method == "GET" || r.Path == "/v1/mailboxes/{id}/check" || r.Path == "/v1/rules/try" || strings.HasSuffix(r.Path, "/preview"): // none changes anything
			continue
		case !known:
			t.Errorf("%s is not tried", name)
			continue
		}
		header := map[string]string{"If-Match": m.etag}
		for _, body := range m.refusals {
			before := d.state()
			a := d.do(request{method: r.Method, path: m.path, body: body, key: d.admin, header: header})
			if a.status < 400 || d.state() != before {
				t.Errorf("%s with %v: %d; %s, then %s", name, body, a.status, before, d.state())
			}
		}
		before := d.audits()
		a := d.do(request{method: r.Method, path: m.path, body: m.body, key: d.admin, header: header}).want(m.status)
		if n := d.audits() - before; n != max(m.records, 1) {
			t.Errorf("%s leaves %d audit entries", name, n)
		}
		d.checkEntry(name, m, a)
	}
}

// checkEntry looks at the newest audit entry.
func (d *desk) checkEntry(name string, m mutation, a answer) {
	d.t.Helper()
	var kind, module, actorKind, actorID, actorName, subject string
	err := d.db.View(context.Background(), event.System("test"), func(v *db.View) error {
		return v.QueryRow(`select kind, module, actor_kind, actor_id, actor_name, subject_id from audit_entries order by seq desc limit 1`).
			Scan(&kind, &module, &actorKind, &actorID, &actorName, &subject)
	})
	must(d.t, err)
	me := d.do(request{method: "GET", path: "/v1/me", key: d.admin}).object()
	if kind != m.kind || actorKind != "api_key" || actorID != me["id"] || actorName != me["name"] {
		d.t.Errorf("%s: the entry says %s by %s %s %q; want %s by the key %v", name, kind, actorKind, actorID, actorName, m.kind, me["id"])
	}
	wanted := m.path[strings.LastIndexByte(m.path, '/')+1:]
	if len(a.body) > 0 && !strings.HasSuffix(m.path, "/messages") {
		wanted, _ = a.object()["id"].(string)
	}
	if strings.HasSuffix(m.path, "/messages") {
		wanted = strings.Split(m.path, "/")[3]
	}
	if strings.HasSuffix(m.path, "/reprocess") {
		wanted = "inbound_email:" + strings.Split(m.path, "/")[3]
	}
	if m.subject != "" {
		wanted = m.subject
	}
	if subject != wanted {
		d.t.Errorf("%s: the entry is about %s, want %s", name, subject, wanted)
	}
}

func (d *desk) mutations() map[string]mutation {
	d.t.Helper()
	garbage := []any{`{`, `{"nonsense": 1}`}
	ticket := d.openTicket(map[string]any{"acknowledge": true})
	source, target := d.openTicket(nil), d.openTicket(nil).text("id")
	client := d.post("/v1/clients", map[string]any{"name": "Acme", "crm_ref": "taken"}).want(201)
	contact := d.post("/v1/contacts", map[string]any{"name": "Bob"}).want(201)
	key, _, err := d.deps.Identity.Create(context.Background(), tester, "old", identity.Staff)
	must(d.t, err)
	d.ownerExec("update letters set state = 'failed'")
	letter := d.get("/v1/outbound-emails").items()[0]["id"].(string)
	d.accept(email("ann@client.example", "Offer", "X-Spam-Flag: YES\r\n"))
	spam := fmt.Sprint(d.get("/v1/inbound-emails?disposition=spam").items()[0]["id"])
	server := map[string]any{"host": "mail.example", "port": 993, "security": "tls", "username": "x"}
	mailbox := map[string]any{"address": "new@desk.example", "imap": server, "smtp": server, "imap_password": "a", "smtp_password": "b"}
	double := map[string]any{"address": d.mailbox.Address, "imap": server, "smtp": server, "imap_password": "a", "smtp_password": "b"}
	notice := d.do(request{method: "PUT", path: "/v1/letter-templates/notice", key: d.admin, body: map[string]any{"text": "x"}}).want(200)
	rule := func(name string) map[string]any {
		return map[string]any{"name": name, "when": `subject contains "invoice"`, "then": map[string]any{"tags": []string{"billing"}}}
	}
	changed := d.do(request{method: "POST", path: "/v1/rules", body: rule("changed"), key: d.admin}).want(201).header.Get("Location")
	deleted := d.do(request{method: "POST", path: "/v1/rules", body: rule("deleted"), key: d.admin}).want(201).header.Get("Location")
	return map[string]mutation{
		"PUT /v1/letter-templates/{name}": {path: "/v1/letter-templates/answer", status: 200, kind: "letter_template.saved", body: map[string]any{"text": "{{body}}"},
			refusals: append(garbage, map[string]any{"text": "{{range body}}"}, map[string]any{"text": "x", "mailbox_id": anyID()})},
		"DELETE /v1/letter-templates/{name}": {path: "/v1/letter-templates/notice", status: 204, kind: "letter_template.deleted", subject: notice.text("id")},
		"POST /v1/letter-templates/{name}/test": {path: "/v1/letter-templates/answer/test", status: 202, kind: "letter_template.tried", body: map[string]any{"to": "day@desk.example"},
			refusals: append(garbage, map[string]any{"to": "ann@client.example"}, map[string]any{"to": "day@desk.example", "text": "{{"})},
		"POST /v1/rules": {path: "/v1/rules", status: 201, kind: "rule.created", body: rule("new"),
			refusals: append(garbage, rule("changed"), rule(" "), map[string]any{"name": "x", "when": "nonsense", "then": map[string]any{"stop": true}})},
		"PATCH /v1/rules/{id}": {path: changed, etag: `"1"`, status: 200, kind: "rule.updated", body: map[string]any{"enabled": true},
			refusals: append(garbage, map[string]any{"name": "deleted"}, map[string]any{"when": "1"}, map[string]any{"then": map[string]any{}})},
		"DELETE /v1/rules/{id}": {path: deleted, status: 204, kind: "rule.deleted"},
		"POST /v1/tickets": {path: "/v1/tickets", status: 201, kind: "ticket.opened", body: map[string]any{"subject": "s", "body": "b", "email": "ann@client.example"},
			refusals: append(garbage, map[string]any{"subject": "s", "body": "b", "contact_id": anyID()}, map[string]any{"subject": "s", "body": "b", "email": "x@y.example", "mailbox_id": anyID()})},
		"PATCH /v1/tickets/{id}": {path: ticket.header.Get("Location"), etag: `"1"`, status: 200, kind: "ticket.closed", body: map[string]any{"status": "closed"},
			refusals: append(garbage, map[string]any{"contact_id": anyID(), "subject": "x"}, map[string]any{"status": "solved"})},
		"POST /v1/tickets/{id}/messages": {path: ticket.header.Get("Location") + "/messages", status: 201, kind: "ticket.noted", body: map[string]any{"visibility": "internal", "body": "b"},
			refusals: append(garbage, map[string]any{"visibility": "internal", "body": "b", "cc": []string{"a@b.example"}})},
		"POST /v1/tickets/{id}/merge": {path: source.header.Get("Location") + "/merge", status: 200, kind: "ticket.updated", records: 2, body: map[string]any{"into": target},
			refusals: append(garbage, map[string]any{"into": anyID()}, map[string]any{"into": source.text("id")})},
		"POST /v1/clients": {path: "/v1/clients", status: 201, kind: "client.created", body: map[string]any{"name": "New"},
			refusals: append(garbage, map[string]any{"name": "x", "crm_ref": "taken"})},
		"PATCH /v1/clients/{id}": {path: client.header.Get("Location"), etag: `"1"`, status: 200, kind: "client.updated", body: map[string]any{"name": "Newer"},
			refusals: append(garbage, map[string]any{"time_zone": "x"})},
		"POST /v1/contacts": {path: "/v1/contacts", status: 201, kind: "contact.created", body: map[string]any{"name": "Eve"},
			refusals: append(garbage, map[string]any{"email": "ann@client.example"})},
		"PATCH /v1/contacts/{id}": {path: contact.header.Get("Location"), etag: `"1"`, status: 200, kind: "contact.updated", body: map[string]any{"phone": "1"},
			refusals: append(garbage, map[string]any{"email": "ann@client.example"}, map[string]any{"name": ""})},
		"POST /v1/mailboxes": {path: "/v1/mailboxes", status: 201, kind: "mailbox.created", body: mailbox, refusals: append(garbage, double)},
		"PATCH /v1/mailboxes/{id}": {path: "/v1/mailboxes/" + d.mailbox.ID.String(), etag: `"1"`, status: 200, kind: "mailbox.updated", body: map[string]any{"paused": true},
			refusals: append(garbage, map[string]any{"folders": []string{}}, map[string]any{"oauth_refresh_token": "x"})},
		"POST /v1/mailboxes/{id}/dkim": {path: "/v1/mailboxes/" + d.mailbox.ID.String() + "/dkim", status: 201, kind: "mailbox.updated", body: map[string]any{"selector": "one"},
			refusals: append(garbage, map[string]any{"selector": "One"})},
		"PUT /v1/mailboxes/{id}/dkim": {path: "/v1/mailboxes/" + d.mailbox.ID.String() + "/dkim", status: 200, kind: "mailbox.updated", body: map[string]any{"signing": true},
			refusals: append(garbage, map[string]any{}, map[string]any{"signing": true, "selector": "two"})},
		"POST /v1/inbound-emails/{id}/reprocess": {path: "/v1/inbound-emails/" + spam + "/reprocess", status: 200, kind: "email.reprocessed", records: 2, body: map[string]any{"apply": true, "as": "open"},
			refusals: append(garbage, map[string]any{"apply": true, "as": "join"}, map[string]any{"as": "spam"})},
		"POST /v1/outbound-emails/{id}/resend": {path: "/v1/outbound-emails/" + letter + "/resend", status: 202, kind: "letter.resent"},
		"POST /v1/api-keys": {path: "/v1/api-keys", status: 201, kind: "api_key.created", body: map[string]any{"name": "n", "role": "staff"},
			refusals: append(garbage, map[string]any{"name": " ", "role": "staff"}, map[string]any{"name": "n", "role": "root"})},
		"DELETE /v1/api-keys/{id}": {path: "/v1/api-keys/" + key.ID.String(), status: 204, kind: "api_key.revoked"},
	}
}
