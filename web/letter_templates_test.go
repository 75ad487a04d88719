package web_test

import (
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/web"
)

// TestLetterTemplatesAreSetAndTried sets one as an admin, tries one that is wrong, and lets staff only read.
func TestLetterTemplatesAreSetAndTried(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const path = "/v1/letter-templates/acknowledgement"
	own := map[string]any{"language": "de", "text": "Moin {{name}}", "html": "<p>Moin {{name}}, #{{number}}</p>"}
	do := func(method, path, key string, body any) answer {
		return d.do(request{method: method, path: path, key: key, body: body})
	}
	do("PUT", path, d.staff, own).refused(403, "forbidden")
	if made := do("PUT", path, d.admin, own).want(200).object(); made["version"] != 1.0 || made["mailbox_id"] != nil || made["language"] != "de" {
		t.Errorf("made %v", made)
	}
	do("PUT", path, d.admin, map[string]any{"text": "a\n{{nobody}}"}).refused(422, "invalid_template")
	do("PUT", "/v1/letter-templates/farewell", d.admin, own).refused(404, "letter_template_not_found")
	list := do("GET", "/v1/letter-templates?language=fr", d.staff, nil).want(200).object()
	if items := list["items"].([]any); len(items) != 1 || items[0].(map[string]any)["text"] != own["text"] {
		t.Errorf("listed %v", list)
	}
	kinds := map[string]map[string]any{}
	for _, k := range list["kinds"].([]any) {
		kinds[k.(map[string]any)["name"].(string)] = k.(map[string]any)
	}
	for _, name := range []string{"acknowledgement", "answer", "notice", "held_notice", "outage"} {
		words, _ := kinds[name]["builtin"].(map[string]any)
		if words == nil || len(kinds[name]["variables"].([]any)) < 5 || !strings.Contains(words["text"].(string), "{{desk}}") || !strings.Contains(words["html"].(string), "{{desk}}") {
			t.Errorf("%s is listed as %v", name, kinds[name])
		}
	}
	if text := kinds["acknowledgement"]["builtin"].(map[string]any)["text"].(string); !strings.Contains(text, "Bonjour {{name}},") {
		t.Errorf("the built-in text is %s", text)
	}
	shown := do("POST", path+"/preview", d.admin, own).want(200).object()
	if text := shown["text"].(string); !strings.Contains(text, "Bitte schreiben Sie") || !strings.Contains(text, "Moin Ann Example") || !strings.Contains(shown["html"].(string), "<p>Moin Ann Example, #1042</p>") {
		t.Errorf("preview %v", shown)
	}
	do("DELETE", path+"?language=de", d.admin, nil).want(204)
	do("DELETE", path+"?language=de", d.admin, nil).refused(404, "letter_template_not_found")
}

// TestTrialLetterGoesToStaffAlone queues real letters: with words that are not saved, and with those in force. Tried: an
// address of nobody on the staff, a mailbox that is not there, words that cannot be used, and more of them than one may.
func TestTrialLetterGoesToStaffAlone(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(x *web.Deps) { x.Operator = "ops@desk.example" })
	const path = "/v1/letter-templates/acknowledgement/test"
	try := func(body map[string]any) answer {
		return d.do(request{method: "POST", path: path, key: d.admin, body: body})
	}
	_, err := d.deps.Mailboxes.Update(t.Context(), tester, d.mailbox.ID, 0, mailboxes.Fields{StaffAddresses: &[]string{"Day@desk.example"}})
	must(t, err)
	d.do(request{method: "POST", path: path, key: d.staff, body: map[string]any{"to": "day@desk.example"}}).refused(403, "forbidden")
	made := try(map[string]any{"to": "day@desk.example", "language": "de"}).want(202).object()
	if made["kind"] != "trial" || made["state"] != "queued" || made["recipients"].([]any)[0] != "day@desk.example" || made["mailbox_id"] != d.mailbox.ID.String() {
		t.Errorf("queued %v", made)
	}
	try(map[string]any{"to": "ops@desk.example", "text": "Ahoy {{name}}"}).want(202)
	if jobs := d.count("select count(*) from river_job where kind = 'send_letter'"); jobs != 2 {
		t.Errorf("%d letters are to be sent", jobs)
	}
	letters, jobs := d.count("select count(*) from letters"), d.state()
	try(map[string]any{"to": "ann@client.example"}).refused(403, "not_staff_address")
	try(map[string]any{"to": "nobody"}).refused(422, "invalid_email")
	try(map[string]any{"to": "day@desk.example", "mailbox_id": anyID()}).refused(404, "mailbox_not_found")
	try(map[string]any{"to": "day@desk.example", "text": "{{range name}}"}).refused(422, "invalid_template")
	try(map[string]any{"to": "day@desk.example", "html": "<p>no text</p>"}).refused(422, "invalid_template")
	d.do(request{method: "POST", path: "/v1/letter-templates/farewell/test", key: d.admin, body: map[string]any{"to": "day@desk.example"}}).refused(404, "letter_template_not_found")
	if d.count("select count(*) from letters") != letters || d.state() != jobs {
		t.Error("a refused trial leaves something")
	}
	for range 2 {
		try(map[string]any{"to": "day@desk.example"}).want(202)
	}
	eleventh := try(map[string]any{"to": "day@desk.example"})
	eleventh.refused(429, "too_many_requests")
	if eleventh.header.Get("Retry-After") == "" {
		t.Error("when to try again is not said")
	}
}
