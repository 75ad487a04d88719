package inbox_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
	triage "github.com/postern-desk/postern/internal/rules"
)

type documented struct {
	Name    string      `json:"name"`
	On      *string     `json:"on"`
	When    string      `json:"when"`
	Then    triage.Then `json:"then"`
	Enabled bool        `json:"enabled"`
}

// TestDocumentedRulesDoWhatTheySay makes the ten rules of docs/rules.md on one desk, and routes for each an email
// that it is for and one that it is not for.
func TestDocumentedRulesDoWhatTheySay(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	var names []string
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		var r documented
		if err := json.Unmarshal([]byte(block[1]), &r); err != nil {
			t.Fatalf("%s: %v", block[1], err)
		}
		if _, err := triage.New(d.db).Create(t.Context(), staffActor(), triage.Fields{Name: &r.Name, On: r.On, When: &r.When, Then: &r.Then, Enabled: &r.Enabled}); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		names = append(names, r.Name)
	}
	if len(names) != 10 {
		t.Errorf("%d examples", len(names))
	}
	for name := range triage.Names() {
		if name = strings.TrimPrefix(name, "attachments[]."); !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/rules.md does not tell of %s", name)
		}
	}
	picture := "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	parts := func(n int) string {
		return "--b\r\nContent-Type: text/plain\r\n\r\nSee.\r\n--b\r\nContent-Type: image/png; name=a.png\r\nContent-Disposition: attachment; filename=a.png\r\n\r\n" +
			strings.Repeat("x", n) + "\r\n--b--\r\n"
	}
	const copies = "Cc: b@many.example, c@many.example, d@many.example\r\n"
	for _, c := range []struct {
		rule string
		is   bool
		of   email
		want string // tags, priority
	}{
		{"Invoices", true, email{from: "a@x.example", subject: "Rechnung 17", body: "x"}, "billing medium"},
		{"Invoices", false, email{from: "a@x.example", subject: "Invoiced", body: "x"}, "medium"},
		{"Acme first", true, email{from: "a@acme.example", subject: "Hi", body: "x"}, "acme high"},
		{"Acme first", false, email{from: "a@notacme.example", subject: "Hi", body: "x"}, "medium"},
		{"Monitoring", true, email{from: "noreply@eu.monitor.example", subject: "Backup done", body: "x"}, "monitoring low"},
		{"Monitoring", false, email{from: "ann@monitor.example", subject: "Your bill", body: "x"}, "medium"},
		{"Alarms", true, email{from: "noreply@monitor.example", subject: "[CRITICAL] disk", body: "x"}, "monitoring high"},
		{"Alarms", false, email{from: "noreply@monitor.example", subject: "Re: [CRITICAL] disk", body: "x"}, "monitoring low"},
		{"Offers", true, email{from: "a@new.example", subject: "SEO for you", body: "to unsubscribe answer"}, inbox.Spam},
		{"Offers", false, email{from: "a@new.example", subject: "SEO for you", body: "Hi"}, "medium"},
		{"Cancellations", true, email{from: "b@x.example", subject: "Hello", body: "I cancel my contract."}, "retention high"},
		{"Cancellations", false, email{from: "c@x.example", subject: "Hello", body: "Cancel the meeting."}, "medium"},
		{"Large pictures", true, email{from: "d@x.example", subject: "Photo", extra: picture, body: parts(60 << 10)}, "pictures medium"},
		{"Large pictures", false, email{from: "e@x.example", subject: "Photo", extra: picture, body: parts(100)}, "medium"},
		{"Escalation", true, email{from: "a@many.example", subject: "Hello", extra: copies, body: "x"}, "high"},
		{"Escalation", false, email{from: "a@few.example", subject: "Hello", extra: copies, body: "x"}, "medium"},
		{"Shop orders", true, email{from: "f@x.example", subject: "Hello", extra: "X-Shop-Order: 17\r\n", body: "x"}, "order medium"},
		{"Shop orders", false, email{from: "g@x.example", subject: "Hello", extra: "X-Shop-Order: none\r\n", body: "x"}, "medium"},
	} {
		c.of.id = unique()
		ids := d.accept(t, c.of)
		d.ingest(t, ids...)
		if c.want == inbox.Spam {
			d.expect(t, ids[0], inbox.Spam)
		} else {
			ticket := d.ticketOf(t, ids[0], inbox.Opened).Ticket
			tags := slices.DeleteFunc(ticket.Tags, func(tag string) bool { return tag == "out-of-hours" })
			if got := strings.TrimSpace(strings.Join(tags, " ") + " " + ticket.Priority.String()); got != c.want {
				t.Errorf("%s, %v: %s, want %s", c.rule, c.is, got, c.want)
			}
		}
		names = slices.DeleteFunc(names, func(n string) bool { return n == c.rule })
	}
	// Emails of the test arrive on a Sunday noon.
	out := one[int64](t, d, "select count(*) from tickets where 'out-of-hours' = any(tags)")
	if all := one[int64](t, d, "select count(*) from tickets where not ('order' = any(tags))"); len(names) != 1 || names[0] != "Out of hours" || out == 0 || out < all {
		t.Errorf("not tried: %v; %d of %d out of hours", names, out, all)
	}
}
