package inbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/tickets"
)

func forgeries(domain string, n int) (out []email) {
	for range n {
		out = append(out, email{from: fmt.Sprintf("u%d@%s", drawn.Add(1), domain), subject: "buy", id: unique(), body: "x"})
	}
	return out
}

// Tried: ten times as many forged senders of a free-mail provider as one domain may have, then a genuine one, and
// one address that goes on alone.
func TestForgedFreemailShutsNobodyOut(t *testing.T) {
	t.Parallel()
	r := rules()
	r.TicketsPerDomain, r.TicketsPerSender = 4, 3
	d := newDeskWith(t, r)
	d.ingest(t, d.accept(t, forgeries("gmail.com", 40)...)...)
	if n := one[int](t, d, "select count(*) from inbound_emails where disposition = 'opened'"); n != 40 {
		t.Errorf("%d of 40 emails opened tickets", n)
	}
	var alone []email
	for range 4 {
		alone = append(alone, email{from: "eve@GMail.com", subject: "again", id: unique(), body: "x"})
	}
	ids := d.accept(t, append(alone, email{from: "ann@gmail.com", subject: "help", id: unique(), body: "y"})...)
	d.ingest(t, ids...)
	d.expect(t, ids[2], inbox.Opened)
	d.expect(t, ids[3], inbox.Flood)
	d.expect(t, ids[4], inbox.Opened)
}

// Tried: a company's domain with forged senders beyond its limit: then a colleague whom staff answered once, one who
// is a contact of a client, one who wrote without an answer, and the first two beyond their own limits.
func TestKnownPeopleOfAFloodedDomainKeepTheirTickets(t *testing.T) {
	t.Parallel()
	r := rules()
	r.TicketsPerDomain, r.TicketsPerSender = 4, 3
	d := newDeskWith(t, r)
	open := func(from string) int64 {
		t.Helper()
		ids := d.accept(t, email{from: from, subject: "help", id: unique(), body: "x"})
		d.ingest(t, ids...)
		return ids[0]
	}
	answered := d.expect(t, open("ann@acme.example"), inbox.Opened).TicketID.UUID
	if _, err := d.tickets.Post(t.Context(), staffActor(), answered, tickets.Post{Visibility: tickets.Everyone, Body: "Here you are."}); err != nil {
		t.Fatal(err)
	}
	noted := d.expect(t, open("bob@acme.example"), inbox.Opened).TicketID.UUID
	if _, err := d.tickets.Post(t.Context(), staffActor(), noted, tickets.Post{Visibility: tickets.Internal, Body: "Who is this?"}); err != nil {
		t.Fatal(err)
	}
	book := contacts.New(d.db)
	name, address := "Acme", "carol@acme.example"
	client, err := book.CreateClient(t.Context(), staffActor(), contacts.ClientFields{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := book.Create(t.Context(), staffActor(), contacts.Fields{Name: &name, Email: &address, EmailNorm: address, ClientID: &client.ID}); err != nil {
		t.Fatal(err)
	}
	d.ingest(t, d.accept(t, forgeries("acme.example", 10)...)...)
	if n := one[int](t, d, "select count(*) from inbound_emails where disposition = 'flood'"); n != 8 {
		t.Errorf("%d of the forged emails are a flood, want 8", n)
	}
	// One ticket takes the rest of the domain; staff read there who wrote each, and who is answered.
	flood := d.expect(t, open("bob@acme.example"), inbox.Flood).TicketID.UUID
	if n := one[int](t, d, "select count(distinct ticket_id) from inbound_emails where disposition = 'flood'"); n != 1 {
		t.Errorf("the rest is on %d tickets", n)
	}
	full := d.full(t, flood)
	authors, notes := map[string]bool{}, 0
	for _, m := range full.Messages {
		if authors[m.AuthorAddress] = true; m.Visibility == tickets.Internal && strings.Contains(m.Body, "acme.example") {
			notes++
		}
	}
	if len(authors) != 10 || !authors["bob@acme.example"] || notes != 1 || full.Ticket.Messages != 10 || !full.Ticket.Burst {
		t.Errorf("the ticket of the rest has %d messages of %v, %d notes", full.Ticket.Messages, authors, notes)
	}
	for _, known := range []string{"ann@acme.example", "carol@acme.example"} {
		d.expect(t, open(known), inbox.Opened)
		for range 3 {
			open(known)
		}
		d.expect(t, open(known), inbox.Flood)
	}
}

// Tried: a participant's machine that sends 130 replies, in batches; somebody else on the ticket; then a later window.
// The first hundred are replies, the rest is noted and moves nothing, nobody else is bound by it.
func TestRepliesBeyondTheirLimitAreOnlyNoted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := unique()
	opened := d.accept(t, email{from: "ann@client.example", subject: "a", id: first, extra: "Cc: bob@client.example\r\n", body: "x"})
	d.ingest(t, opened...)
	ticket := d.expect(t, opened[0], inbox.Opened).TicketID.UUID
	reply := func(from string) email {
		return email{from: from, subject: "Re: a", id: unique(), inReplyTo: first, body: "again " + unique()}
	}
	var ids []int64
	for range 13 {
		var batch []email
		for range 10 {
			batch = append(batch, reply("ann@client.example"))
		}
		ids = append(ids, d.accept(t, batch...)...)
		d.ingest(t, ids[len(ids)-10:]...)
		if len(ids) == 100 {
			if _, err := d.tickets.Post(t.Context(), staffActor(), ticket, tickets.Post{Visibility: tickets.Everyone, Body: "Stop."}); err != nil {
				t.Fatal(err)
			}
			if full := d.full(t, ticket); full.Ticket.Status != tickets.Waiting {
				t.Fatalf("status %s after an answer", full.Ticket.Status)
			}
		}
	}
	d.expect(t, ids[99], inbox.Replied)
	for _, id := range ids[100:] {
		if e := d.expect(t, id, inbox.Flood); e.TicketID.UUID != ticket {
			t.Fatalf("inbound email %d is on %v", id, e.TicketID)
		}
	}
	if full := d.full(t, ticket); full.Ticket.Status != tickets.Waiting || full.Ticket.Messages != 132 {
		t.Errorf("status %s, %d messages; want it waiting, with every text", full.Ticket.Status, full.Ticket.Messages)
	}
	if n := one[int](t, d, "select count(*) from webhook_events where type = 'ticket.replied' and data -> 'message' ->> 'origin' = 'client'"); n != 100 {
		t.Errorf("%d events of replies, want 100", n)
	}
	other := d.accept(t, reply("bob@client.example"))
	d.ingest(t, other...)
	d.expect(t, other[0], inbox.Replied)
	d.exec(t, "update limit_counters set window_start = window_start - interval '10 minutes 1 second'")
	later := d.accept(t, reply("ann@client.example"))
	d.ingest(t, later...)
	d.expect(t, later[0], inbox.Replied)
}

// Tried: 150 requests of one address that may open two. All the text is on three tickets, and subscribers hear of no
// more than a hundred replies.
func TestFloodOfRequestsEndsInNotes(t *testing.T) {
	t.Parallel()
	r := rules()
	r.TicketsPerSender = 2
	d := newDeskWith(t, r)
	var ids []int64
	for range 3 {
		var batch []email
		for range 50 {
			batch = append(batch, email{from: "eve@evil.example", subject: "again", id: unique(), body: unique()})
		}
		ids = append(ids, d.accept(t, batch...)...)
		d.ingest(t, ids[len(ids)-50:]...)
	}
	d.expect(t, ids[149], inbox.Flood)
	if got := one[string](t, d, "select count(*) || ' ' || sum(messages) from tickets"); got != "3 150" {
		t.Errorf("tickets and messages: %s", got)
	}
	if n := one[int](t, d, "select count(*) from webhook_events where type = 'ticket.replied'"); n != 99 {
		t.Errorf("%d events of replies, want 99", n)
	}
}

// Tried: more nameless and addressless senders than one may open tickets, each with another text in From; then one of
// them again and again. They share no limit but that of all of them together.
func TestSendersWithoutAnAddressShareNoLimit(t *testing.T) {
	t.Parallel()
	r := rules()
	r.TicketsPerDomain, r.TicketsPerSender = 6, 2
	d := newDeskWith(t, r)
	send := func(from string) inbox.Email {
		t.Helper()
		ids := d.accept(t, email{from: from, subject: "help", id: unique(), body: "x"})
		d.ingest(t, ids...)
		return d.row(t, ids[0])
	}
	for _, from := range []string{"Ann", "Bob", "a@b..example", "Ann"} {
		if e := send(from); text(e.Disposition) != inbox.Opened {
			t.Errorf("%s: %s", from, text(e.Disposition))
		}
	}
	anns := send("Ann").TicketID
	if e := send("Ann"); text(e.Disposition) != inbox.Flood || e.TicketID != anns {
		t.Errorf("Ann's fourth: %s on %v, want %v", text(e.Disposition), e.TicketID, anns)
	}
	rest := send("Carol")
	if other := send("Dora"); text(other.Disposition) != inbox.Flood || other.TicketID != rest.TicketID || other.TicketID == anns {
		t.Errorf("beyond the limit of all: %s on %v, want %v", text(other.Disposition), other.TicketID, rest.TicketID)
	}
}
