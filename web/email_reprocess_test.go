package web_test

import (
	"fmt"
	"testing"
)

// Tried over HTTP as a person would: look, release, again, and what the body may not be.
func TestHeldEmailIsReleasedOverHTTP(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.accept(email("Ann <ann@client.example>", "It is broken", ""))
	ticket := d.get("/v1/tickets").items()[0]
	parent := d.text("select rfc_message_id from letters where kind = 'acknowledgement'")
	d.accept(email("Bob <bob@client.example>", "Re: It is broken", "In-Reply-To: <"+parent+">\r\n"))
	held := d.get("/v1/inbound-emails?disposition=held").items()[0]
	path := "/v1/inbound-emails/" + fmt.Sprint(held["id"]) + "/reprocess"
	before := d.state()
	look := d.post(path, map[string]any{"as": "join"}).want(200).object()
	differences := look["differences"].([]any)
	if look["applied"] != false || len(differences) == 0 || differences[0].(map[string]any)["to"] != "replied" || d.state() != before {
		t.Errorf("the look: %v", look)
	}
	d.post(path, map[string]any{"as": "close"}).refused(422, "validation_failed")
	d.post(path, map[string]any{"as": "open", "ticket_id": ticket["id"]}).refused(422, "ticket_without_join")
	done := d.post(path, map[string]any{"as": "join", "apply": true}).want(200).object()
	if e := done["email"].(map[string]any); done["applied"] != true || e["disposition"] != "replied" || e["ticket_id"] != ticket["id"] {
		t.Errorf("released: %v", done)
	}
	d.post(path, map[string]any{"as": "join", "apply": true}).refused(409, "already_on_ticket")
	if again := d.post(path, map[string]any{"apply": true}).want(200).object(); again["applied"] != false || len(again["differences"].([]any)) != 0 {
		t.Errorf("read again: %v", again)
	}
	if now := d.get("/v1/tickets/" + ticket["id"].(string)).object(); now["held"] != 0.0 || len(now["messages"].([]any)) != 2 {
		t.Errorf("the ticket: %v", now)
	}
	d.ownerExec("update inbound_emails set sha256 = null")
	d.post(path, map[string]any{}).refused(409, "bytes_gone")
}
