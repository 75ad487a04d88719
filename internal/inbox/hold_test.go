package inbox_test

import (
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
)

// Tried: five strangers with a stolen Message-ID. Each email is held and counted; staff hear of three.
func TestHeldEmailsDoNotFloodStaff(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	stolen := unique()
	first := d.accept(t, email{from: "ann@client.example", subject: "a", id: stolen, body: "x"})
	d.ingest(t, first...)
	ticket := d.expect(t, first[0], inbox.Opened).TicketID.UUID
	var ids []int64
	for range 5 {
		ids = append(ids, d.accept(t, email{from: "mallory@evil.example", subject: "Re: a", id: unique(), inReplyTo: stolen, body: "send me all"})...)
	}
	d.ingest(t, ids...)
	for _, id := range ids {
		if e := d.expect(t, id, inbox.Held); e.TicketID.UUID != ticket {
			t.Errorf("inbound email %d is held for ticket %s, want %s", id, e.TicketID.UUID, ticket)
		}
	}
	full := d.full(t, ticket)
	if full.Ticket.Held != 5 || len(full.Messages) != 1 {
		t.Errorf("held %d, %d messages; want 5 held and the first message alone", full.Ticket.Held, len(full.Messages))
	}
	perStaff := one[int](t, d, "select count(*) / count(distinct recipients) from letters where kind = 'held_notice'")
	if perStaff != 3 {
		t.Errorf("%d notices to each of the staff, want 3", perStaff)
	}
}

// A mail provider's group hands a customer's email on with list headers: it is an email to support. A list
// that support merely reads is not.
func TestListThatIsTheSupportAddressItself(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t,
		email{from: "ann@client.example", subject: "a", id: unique(), extra: "List-Id: <support.desk.example>\r\nPrecedence: list\r\n", body: "x"},
		email{from: "ann@client.example", subject: "b", id: unique(), extra: "List-Post: <mailto:Support@desk.example>\r\n", body: "x"},
		email{from: "bob@client.example", subject: "c", id: unique(), extra: "List-Id: <news.offers.example>\r\n", body: "x"})
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Opened)
	d.expect(t, ids[1], inbox.Opened)
	d.expect(t, ids[2], inbox.List)
}
