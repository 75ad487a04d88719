package web_test

import (
	"testing"
)

func TestTicketSmoke(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.openTicket(map[string]any{"tags": []string{"x"}, "custom": map[string]any{"site": "north"}, "priority": "low"})
	t.Log(string(a.body), a.header)
	b := d.get(a.header.Get("Location")).want(200)
	t.Log(string(b.body))
	d.post("/v1/tickets/"+a.text("id")+"/messages", map[string]any{"visibility": "everyone", "body": "Hi", "attachments": []any{map[string]any{"name": "a/b.txt", "content_base64": "aGVsbG8="}}}).want(201)
	b = d.get("/v1/tickets?custom.site=north").want(200)
	t.Log(string(b.body))
	t.Log(d.logs.String())
}
