package web_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/web"
)

func TestClientsAndContacts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.post("/v1/clients", map[string]any{"name": "Acme", "domains": []string{"@ACME.example"}, "time_zone": "Europe/Paris", "crm_ref": "C-1"}).want(201)
	client := a.header.Get("Location")
	if got := d.get(client).want(200); got.object()["domains"].([]any)[0] != "acme.example" || got.text("language") != "" || got.header.Get("ETag") != `"1"` {
		t.Errorf("read back: %s", got.body)
	}
	if got := d.patch(client, `"1"`, map[string]any{"name": "Acme Ltd", "crm_ref": ""}).want(200); got.text("name") != "Acme Ltd" || got.object()["crm_ref"] != nil || got.text("time_zone") != "Europe/Paris" {
		t.Errorf("changed: %s", got.body)
	}
	d.post("/v1/clients", map[string]any{"name": "Other", "crm_ref": "C-2"}).want(201)
	d.post("/v1/clients", map[string]any{"name": "Third", "crm_ref": "C-2"}).refused(409, "crm_ref_taken")
	d.post("/v1/clients", map[string]any{"name": "x", "time_zone": "Mars/Base"}).refused(422, "invalid_time_zone")
	d.post("/v1/clients", map[string]any{"name": "x", "domains": []string{"no dots"}}).refused(422, "invalid_domain")
	d.get("/v1/clients/"+anyID()).refused(404, "client_not_found")

	id := a.text("id")
	c := d.post("/v1/contacts", map[string]any{"client_id": id, "name": "Bob", "email": "Bob@ACME.example", "tags": []string{"vip"}}).want(201)
	if c.text("email") != "Bob@ACME.example" || c.text("kind") != "person" {
		t.Errorf("made: %s", c.body)
	}
	contact := c.header.Get("Location")
	d.post("/v1/contacts", map[string]any{"client_id": id, "email": "bob@acme.example"}).refused(409, "email_taken")
	d.post("/v1/contacts", map[string]any{"kind": "organisation", "email": "x@acme.example"}).refused(422, "invalid_name")
	d.post("/v1/contacts", map[string]any{"name": "x", "email": "nonsense"}).refused(422, "invalid_email")
	d.post("/v1/contacts", map[string]any{"name": "x", "client_id": anyID()}).refused(422, "client_not_found")
	d.post("/v1/contacts", map[string]any{"name": "x", "tags": []string{"king"}}).refused(422, "validation_failed")
	if got := d.patch(contact, `"1"`, map[string]any{"email": "", "phone": "+44 1"}).want(200); got.object()["email"] != nil || got.text("phone") != "+44 1" {
		t.Errorf("changed: %s", got.body)
	}
	d.post("/v1/contacts", map[string]any{"name": "Eve", "email": "eve@acme.example"}).want(201)
	if n := len(d.get("/v1/contacts?client=" + id).items()); n != 1 {
		t.Errorf("%d contacts of the client", n)
	}
	if got := d.get("/v1/contacts?email=EVE@acme.example").items(); len(got) != 1 || got[0]["name"] != "Eve" {
		t.Errorf("found by address: %v", got)
	}
	d.get("/v1/contacts?email=x").refused(422, "invalid_email")
	d.get("/v1/contacts/"+anyID()).refused(404, "contact_not_found")
}

func TestMailboxesNeverTellTheirPasswords(t *testing.T) {
	t.Parallel()
	checked := uuid.Nil
	d := newDesk(t, func(deps *web.Deps) {
		deps.Check = func(_ context.Context, id uuid.UUID) (web.CheckReport, error) {
			checked = id
			return web.CheckReport{Checks: []web.CheckLine{{Name: "imap_login", Detail: "refused", Remedy: "set the password"}}}, nil
		}
	})
	server := map[string]any{"host": "mail.example", "port": 993, "security": "tls", "username": "help@desk.example"}
	body := map[string]any{"address": "Help@desk.example", "imap": server, "smtp": server, "imap_password": "hunter2-imap", "smtp_password": "hunter2-smtp",
		"priority": "low", "staff_addresses": []string{"Team <team@desk.example>"}, "folders": []string{"INBOX", "Junk"}}
	admin := func(method, path string, body any, header map[string]string) answer {
		return d.do(request{method: method, path: path, body: body, key: d.admin, header: header})
	}
	a := admin("POST", "/v1/mailboxes", body, nil).want(201)
	path := a.header.Get("Location")
	b := d.get(path).want(200)
	o := b.object()
	if o["priority"] != "low" || o["staff_addresses"].([]any)[0] != "team@desk.example" || len(o["folder_states"].([]any)) != 2 || o["imap"].(map[string]any)["port"] != 993.0 {
		t.Errorf("read back: %s", b.body)
	}
	if n := len(d.get("/v1/mailboxes").want(200).items()); n != 2 {
		t.Errorf("%d mailboxes", n)
	}
	c := admin("PATCH", path, map[string]any{"paused": true, "imap_password": "hunter2-new"}, map[string]string{"If-Match": `"1"`}).want(200)
	if c.object()["paused"] != true || c.object()["priority"] != "low" {
		t.Errorf("changed: %s", c.body)
	}
	if o["after"] != "nothing" || o["after_folder"] != "" {
		t.Errorf("what is done to emails unless told: %v, %v", o["after"], o["after_folder"])
	}
	moved := admin("PATCH", path, map[string]any{"after": "move", "after_folder": "Done"}, map[string]string{"If-Match": "*"}).want(200).object()
	if moved["after"] != "move" || moved["after_folder"] != "Done" {
		t.Errorf("told to move emails: %v", moved)
	}
	for _, wrong := range []map[string]any{{"after": "seen"}, {"after_folder": ""}, {"after_folder": "junk"}} {
		admin("PATCH", path, wrong, map[string]string{"If-Match": "*"}).refused(422, "invalid_after")
	}
	secrets, err := d.deps.Mailboxes.Secrets(t.Context(), uuid.MustParse(a.text("id")))
	must(t, err)
	if secrets.IMAP != "hunter2-new" || secrets.SMTP != "hunter2-smtp" {
		t.Error("the passwords were not kept")
	}
	report := admin("POST", path+"/check", nil, nil).want(200)
	if checked.String() != a.text("id") || report.object()["ok"] != false {
		t.Errorf("checked %s: %s", checked, report.body)
	}
	refusal := admin("POST", "/v1/mailboxes", body, nil).refused(409, "address_taken")
	body["address"], body["imap"] = "x@desk.example", map[string]any{"host": "mail.example", "port": 143, "security": "none", "username": "x"}
	admin("POST", "/v1/mailboxes", body, nil).refused(422, "plain_remote")
	body["imap_password"] = map[string]any{"hunter2-wrong": 1}
	invalid := admin("POST", "/v1/mailboxes", body, nil).refused(422, "validation_failed")
	for _, text := range []string{string(a.body), string(b.body), string(c.body), string(report.body), string(refusal.body), string(invalid.body), d.logs.String()} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("a password is told: %s", text)
		}
	}
	admin("POST", "/v1/mailboxes/"+anyID()+"/check", nil, nil).refused(404, "mailbox_not_found")
	other := newDesk(t)
	other.do(request{method: "POST", path: "/v1/mailboxes/" + other.mailbox.ID.String() + "/check", key: other.admin}).refused(503, "unavailable")
}

// accept puts emails into the ledger as a poll would and routes them.
func (d *desk) accept(emails ...string) {
	d.t.Helper()
	ctx := context.Background()
	folders, err := d.deps.Mailboxes.FoldersOf(ctx, d.mailbox.ID)
	must(d.t, err)
	var arrivals []inbox.Arrival
	for i, raw := range emails {
		spool, err := blob.NewSpool(strings.NewReader(raw))
		must(d.t, err)
		defer spool.Close()
		arrivals = append(arrivals, inbox.Arrival{UID: folders[0].LastUID + int64(i) + 1, Size: spool.Size(), InternalDate: time.Now(), Bytes: spool})
	}
	must(d.t, d.deps.Inbox.Accept(ctx, folders[0], arrivals, folders[0].LastUID+int64(len(emails))))
	must(d.t, d.deps.Inbox.Ingest(ctx, d.pending()))
}

func (d *desk) pending() []int64 {
	d.t.Helper()
	found, err := d.deps.Inbox.List(context.Background(), tester, inbox.Filter{Pending: true}, 0, 100)
	must(d.t, err)
	var out []int64
	for _, e := range found {
		out = append([]int64{e.ID}, out...)
	}
	return out
}

func email(from, subject, more string) string {
	return fmt.Sprintf("From: %s\r\nTo: support@desk.example\r\nSubject: %s\r\nMessage-ID: <%s@client.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n%s\r\nHello, it is broken.\r\n",
		from, subject, anyID(), more)
}

func TestInboundEmailsAreAllThere(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	raw := email("Ann <ann@client.example>", "It is broken", "")
	d.accept(raw, email("bob@client.example", "Away", "Auto-Submitted: auto-replied\r\n"))
	opened := d.get("/v1/inbound-emails?disposition=opened").want(200).items()
	if len(opened) != 1 || opened[0]["mailbox"] != d.mailbox.ID.String() || opened[0]["subject"] != "It is broken" || opened[0]["reason"] == nil {
		t.Fatalf("opened: %v", opened)
	}
	if n := len(d.get("/v1/inbound-emails?mailbox=" + d.mailbox.ID.String() + "&pending=false").items()); n != 2 {
		t.Errorf("%d emails of the mailbox", n)
	}
	ticket := d.get("/v1/tickets/" + opened[0]["ticket_id"].(string)).want(200).object()
	if ticket["channel"] != "email" || ticket["subject"] != "It is broken" {
		t.Errorf("the ticket is %v", ticket)
	}
	if got := d.get("/v1/inbound-emails?ticket=" + ticket["id"].(string)).items(); len(got) != 1 {
		t.Errorf("emails of the ticket: %v", got)
	}
	path := "/v1/inbound-emails/" + fmt.Sprint(opened[0]["id"])
	d.get(path).want(200)
	a := d.get(path + "/raw").want(200)
	if string(a.body) != raw || a.header.Get("Content-Type") != "message/rfc822" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("raw: %v, %d bytes of %d", a.header, len(a.body), len(raw))
	}
	if got := d.all("/v1/inbound-emails?limit=1"); len(got) != 2 || got[0]["id"].(float64) < got[1]["id"].(float64) {
		t.Errorf("by pages: %v", got)
	}
	if got := d.get("/v1/inbound-emails?from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z").items(); len(got) != 0 {
		t.Errorf("of 2000: %v", got)
	}
	d.get("/v1/inbound-emails?disposition=lost").refused(422, "validation_failed")
	d.get("/v1/inbound-emails/999999").refused(404, "inbound_email_not_found")
	d.get("/v1/inbound-emails/999999/raw").refused(404, "inbound_email_not_found")
	d.ownerExec("update inbound_emails set sha256 = null")
	d.get(path+"/raw").refused(404, "raw_gone")
}

func TestHeldEmailsShowOnTheTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.accept(email("Ann <ann@client.example>", "It is broken", ""))
	ticket := d.get("/v1/tickets").items()[0]
	parent := d.text("select rfc_message_id from letters where kind = 'acknowledgement'")
	d.accept(email("Mallory <m@evil.example>", "Re: It is broken", "In-Reply-To: <"+parent+">\r\nReferences: <"+parent+">\r\n"))
	full := d.get("/v1/tickets/" + ticket["id"].(string)).object()
	held := full["held_emails"].([]any)
	if len(held) != 1 || held[0].(map[string]any)["from"] != "m@evil.example" || full["held"] != 1.0 || len(full["messages"].([]any)) != 1 {
		t.Errorf("held %v, count %v, %d messages", held, full["held"], len(full["messages"].([]any)))
	}
}

func TestOutboundEmailsAreListedAndResent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.openTicket(map[string]any{"acknowledge": true})
	d.post(a.header.Get("Location")+"/messages", map[string]any{"visibility": "everyone", "body": "Hi"}).want(201)
	if got := d.all("/v1/outbound-emails?limit=1"); len(got) != 2 {
		t.Fatalf("letters: %v", got)
	}
	letter := d.get("/v1/outbound-emails?ticket=" + a.text("id") + "&state=queued").items()[1]
	if letter["kind"] != "acknowledgement" {
		t.Errorf("oldest is %v", letter)
	}
	path := "/v1/outbound-emails/" + letter["id"].(string) + "/resend"
	d.post(path, nil).refused(409, "letter_on_its_way")
	d.ownerExec("update letters set state = 'failed', attempts = 9, last_code = 550, last_error = 'no such user'")
	failed := d.get("/v1/outbound-emails?state=failed").items()
	if len(failed) != 2 || failed[0]["last_code"] != 550.0 {
		t.Errorf("failed: %v", failed)
	}
	if b := d.post(path, nil).want(202); b.text("state") != "queued" {
		t.Errorf("resent: %s", b.body)
	}
	d.ownerExec("update letters set state = 'sent'; delete from letter_bytes")
	d.post(path, nil).refused(409, "letter_bytes_gone")
	d.post("/v1/outbound-emails/"+anyID()+"/resend", nil).refused(404, "letter_not_found")
}

func TestAnswersNeedSomebodyToAnswer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	contact := d.post("/v1/contacts", map[string]any{"name": "Nobody"}).want(201).text("id")
	path := d.post("/v1/tickets", map[string]any{"subject": "s", "body": "b", "contact_id": contact}).want(201).header.Get("Location")
	d.post(path+"/messages", map[string]any{"visibility": "everyone", "body": "x"}).refused(409, "no_recipient")
	d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "x", "cc": []string{"a@b.example"}}).refused(422, "cc_on_note")
	d.post(path+"/messages", map[string]any{"visibility": "public", "body": "x"}).refused(422, "validation_failed")
	d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "\x00"}).refused(422, "invalid_body")
	d.post(path+"/messages", map[string]any{"visibility": "internal", "body": "x", "cc": []string{"x"}}).refused(422, "invalid_email")
	second := d.post(path+"/messages", map[string]any{"visibility": "everyone", "body": "x", "cc": []string{"a@b.example", "x"}}).refused(422, "invalid_email")
	if !strings.Contains(string(second.body), `"body.cc[1]"`) {
		t.Errorf("the second of two is refused without its place: %s", second.body)
	}
	d.post("/v1/tickets/"+anyID()+"/messages", map[string]any{"visibility": "internal", "body": "x"}).refused(404, "ticket_not_found")
}

func TestKeysOverTheAPI(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.do(request{method: "POST", path: "/v1/api-keys", key: d.admin, body: map[string]any{"name": "crm", "role": "admin"}}).want(201)
	me := d.do(request{method: "GET", path: "/v1/me", key: a.text("key")}).want(200)
	if me.text("name") != "crm" || me.text("role") != "admin" || me.text("id") != a.text("id") {
		t.Errorf("me is %s", me.body)
	}
	var found map[string]any
	list := d.do(request{method: "GET", path: "/v1/api-keys", key: d.admin}).want(200)
	for _, k := range list.items() {
		if k["id"] == a.text("id") {
			found = k
		}
	}
	if found == nil || found["last_used_at"] == nil || found["key"] != nil || !strings.HasPrefix(a.text("key"), found["prefix"].(string)) {
		t.Errorf("listed as %v", found)
	}
	d.do(request{method: "DELETE", path: "/v1/api-keys/" + a.text("id"), key: d.admin}).want(204)
	d.do(request{method: "GET", path: "/v1/me", key: a.text("key")}).refused(401, "unauthorized")
	d.do(request{method: "DELETE", path: "/v1/api-keys/" + anyID(), key: d.admin}).refused(404, "api_key_not_found")
	staff := d.get("/v1/me").object()["permissions"].([]any)
	for _, p := range staff {
		if p == "mailboxes.manage" || p == "api_keys.manage" {
			t.Errorf("staff may %v", p)
		}
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	broken := errors.New("no schema")
	d := newDesk(t, func(deps *web.Deps) {
		deps.Ready = func(context.Context) error { return broken }
	})
	a := d.do(request{method: "GET", path: "/readyz", key: "none"}).refused(503, "unavailable")
	if a.header.Get("Retry-After") == "" || strings.Contains(string(a.body), "no schema") {
		t.Errorf("it says %s", a.body)
	}
	d = newDesk(t, func(deps *web.Deps) { deps.About = web.About{Version: "1.2.3", Roles: []string{"web", "worker"}} })
	for path, status := range map[string]string{"/healthz": "ok", "/readyz": "ready"} {
		a := d.do(request{method: "GET", path: path, key: "none"}).want(200)
		if want := `{"status":"` + status + `","version":"1.2.3","roles":["web","worker"]}` + "\n"; string(a.body) != want {
			t.Errorf("%s says %s, want %s", path, a.body, want)
		}
	}
}
