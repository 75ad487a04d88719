package inbox_test

import (
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
)

// Tried: five strangers with the Message-ID of a letter of ours. Each email is held and counted; staff hear of
// three.
func TestHeldEmailsDoNotFloodStaff(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.accept(t, email{from: "ann@client.example", subject: "a", id: unique(), body: "x"})
	d.ingest(t, first...)
	ticket := d.expect(t, first[0], inbox.Opened).TicketID.UUID
	stolen := one[string](t, d, "select rfc_message_id from letters where ticket_id = $1 and kind = 'acknowledgement'", ticket)
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

// Anybody may send an email under the id of somebody else's newsletter. Replies to the newsletter are no claim
// to that ticket: each is a request of its own.
func TestSquattedMessageIDHoldsNobody(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	newsletter := unique()
	d.ingest(t, d.accept(t, email{from: "eve@evil.example", subject: "spring offers", id: newsletter, body: "x"})...)
	ids := d.accept(t, email{from: "ann@client.example", subject: "Re: spring offers", id: unique(), inReplyTo: newsletter, body: "interested"})
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Opened)
}

// Tried: the copy by a list first, once more by the list, then the same email directly; then another copy.
func TestCopyThatWasSetAsideDoesNotHideTheDirectOne(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	e := email{from: "ann@client.example", subject: "a", id: unique(), body: "x"}
	byList := e
	byList.extra = "List-Id: <all.client.example>\r\n"
	ids := d.accept(t, byList)
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.List)
	ids = d.accept(t, byList)
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Duplicate)
	ids = d.accept(t, e)
	d.ingest(t, ids...)
	ticket := d.expect(t, ids[0], inbox.Opened).TicketID
	ids = d.accept(t, e)
	d.ingest(t, ids...)
	if again := d.expect(t, ids[0], inbox.Duplicate); again.TicketID != ticket {
		t.Errorf("the third copy points at %v, want %v", again.TicketID, ticket)
	}
}

// Tried: the requester's reply by a list, and one that a filter marked.
func TestParticipantsReplyByListJoinsAndSpamIsHeld(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := unique()
	ids := d.accept(t, email{from: "ann@client.example", subject: "a", id: first, body: "x"})
	d.ingest(t, ids...)
	ticket := d.expect(t, ids[0], inbox.Opened).TicketID
	ids = d.accept(t,
		email{from: "ann@client.example", subject: "Re: a", id: unique(), inReplyTo: first, extra: "List-Id: <team.client.example>\r\nPrecedence: list\r\n", body: "more"},
		email{from: "ann@client.example", subject: "Re: a", id: unique(), inReplyTo: first, extra: "X-Spam-Flag: YES\r\n", body: "even more"})
	d.ingest(t, ids...)
	if e := d.expect(t, ids[0], inbox.Replied); e.TicketID != ticket {
		t.Errorf("the reply by a list is on %v, want %v", e.TicketID, ticket)
	}
	if e := d.expect(t, ids[1], inbox.Held); e.TicketID != ticket {
		t.Errorf("the marked reply is held for %v, want %v", e.TicketID, ticket)
	}
}

// Tried: links in the sender's name and in the subject, from an address that nobody has proved.
func TestAcknowledgementCarriesNoLinksOfAStranger(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t, email{from: `"Locked, see https://evil.example/login" <victim@bank.example>`, subject: "Verify at https://evil.example", id: unique(), body: "x"})
	d.ingest(t, ids...)
	e := d.expect(t, ids[0], inbox.Opened)
	subject := one[string](t, d, "select subject from letters where ticket_id = $1 and kind = 'acknowledgement'", e.TicketID.UUID)
	if strings.Contains(subject, "evil") {
		t.Errorf("the acknowledgement's subject is %q", subject)
	}
}
