package inbox_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/letter"
)

// Tried: local parts that the syntax forbids and that carriers gave out. They are requesters like others: the
// acknowledgement names an address that the wire takes, and what comes from there, quoted or not, continues the ticket.
func TestOddLocalPartsAreRequesters(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for from, want := range map[string]string{
		"A..b@docomo.example":              "a..b@docomo.example",
		"Taro <taro.@docomo.example>":      "taro.@docomo.example",
		".x@docomo.example":                ".x@docomo.example",
		"Quoted <\"q..q\"@docomo.example>": "q..q@docomo.example",
	} {
		id := unique()
		ids := d.accept(t, email{from: from, subject: "help", id: id, body: "x"})
		d.ingest(t, ids...)
		opened := d.expect(t, ids[0], inbox.Opened)
		full := d.full(t, opened.TicketID.UUID)
		if full.Ticket.RequesterAddress != want {
			t.Errorf("%s: requester %q, want %q", from, full.Ticket.RequesterAddress, want)
		}
		if _, err := d.tickets.Post(t.Context(), staffActor(), opened.TicketID.UUID, tickets.Post{Visibility: tickets.Everyone, Body: "Here."}); err != nil {
			t.Errorf("%s: answer: %v", from, err)
		}
		for _, to := range column[string](t, d, "select recipients[1] from letters where ticket_id = $1 and kind in ('acknowledgement', 'answer')", full.Ticket.ID) {
			if wire, err := letter.WireAddress(to); err != nil || !strings.HasPrefix(wire, `"`) {
				t.Errorf("%s: a letter to %q: %q on the wire: %v", from, to, wire, err)
			}
		}
		if n := one[int](t, d, "select count(*) from letters where ticket_id = $1 and kind <> 'notice'", full.Ticket.ID); n != 2 {
			t.Errorf("%s: %d letters, want the acknowledgement and the answer", from, n)
		}
		local, domain, _ := strings.Cut(want, "@")
		again := d.accept(t, email{from: `"` + local + `"@` + domain, subject: "Re: help", id: unique(), inReplyTo: id, body: "y"})
		d.ingest(t, again...)
		d.expect(t, again[0], inbox.Replied)
	}
}

// Tried: a From whose domain cannot be one, with and without a name; one that is a name alone. The text of it stays
// on the ticket, and the message says that answers have no way.
func TestSendersWithoutAnAddressKeepTheirName(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for from, want := range map[string]string{
		"a@b..example":       "a@b..example",
		"Ann <a@b..example>": "Ann <a@b..example>",
		"Ann Lee":            "Ann Lee",
	} {
		ids := d.accept(t, email{from: from, subject: "help", id: unique(), body: "x"})
		d.ingest(t, ids...)
		full := d.full(t, d.expect(t, ids[0], inbox.Opened).TicketID.UUID)
		if full.Ticket.RequesterAddress != "" || full.Ticket.RequesterName != want {
			t.Errorf("%s: requester %q %q", from, full.Ticket.RequesterName, full.Ticket.RequesterAddress)
		}
		if said := slices.ContainsFunc(full.Messages[0].Problems, func(p string) bool { return strings.Contains(p, "a@b..example") }); said != strings.Contains(from, "@") {
			t.Errorf("%s: problems %q", from, full.Messages[0].Problems)
		}
	}
}
