package inbox_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/tickets"
)

const byForm = "Reply-To: Ann Example <ann@client.example>\r\n"

// Tried: a website's contact form that writes as the desk, with and without a tag, and five more in the customer's
// name. Each opens a ticket of the customer, says that nobody proved it, and acknowledgements stay limited.
func TestFormThatWritesAsTheDeskOpensATicketOfItsCustomer(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var forms []email
	for _, from := range []string{"Website <support@desk.example>", "SUPPORT+web@desk.example", "support@desk.example", "support@desk.example", "support@desk.example"} {
		forms = append(forms, email{from: from, subject: "Contact", id: unique(), extra: byForm, body: "Please call me."})
	}
	ids := d.accept(t, forms...)
	d.ingest(t, ids...)
	for _, id := range ids {
		e := d.expect(t, id, inbox.Opened)
		full := d.full(t, e.TicketID.UUID)
		if full.Ticket.RequesterAddress != "ann@client.example" || full.Ticket.RequesterName != "Ann Example" || full.Ticket.Authenticity != "none" {
			t.Errorf("requester %q <%s>, authenticity %s", full.Ticket.RequesterName, full.Ticket.RequesterAddress, full.Ticket.Authenticity)
		}
		if !slices.ContainsFunc(full.Messages[0].Problems, func(p string) bool { return strings.Contains(p, "Reply-To") }) || !strings.Contains(text(e.Reason), "Reply-To") {
			t.Errorf("problems %q, reason %q: neither may be silent about the form", full.Messages[0].Problems, text(e.Reason))
		}
	}
	to := column[string](t, d, "select distinct recipients::text from letters where kind = 'acknowledgement'")
	if n := one[int](t, d, "select count(*) from letters where kind = 'acknowledgement'"); n != 3 || len(to) != 1 || to[0] != "{ann@client.example}" {
		t.Errorf("%d acknowledgements to %v, want 3 to the customer", n, to)
	}
}

// Tried: everything else that comes from an address of the desk itself.
func TestOtherMailFromTheDeskStaysALoop(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for what, e := range map[string]email{
		"no Reply-To":            {},
		"ours in Reply-To":       {extra: "Reply-To: support@desk.example\r\n"},
		"ours with a tag":        {extra: "Reply-To: <support+t-abcdefghijklmnopqrstuvwxyz234567@desk.example>\r\n"},
		"two in Reply-To":        {extra: "Reply-To: ann@client.example, bob@client.example\r\n"},
		"a name in Reply-To":     {extra: "Reply-To: undisclosed-recipients:;\r\n"},
		"rubbish in Reply-To":    {extra: "Reply-To: ann at client\r\n"},
		"automatic":              {extra: byForm + "Auto-Submitted: auto-generated\r\n"},
		"automatic, vacation":    {subject: "Out of office", extra: byForm + "Auto-Submitted: auto-replied\r\n"},
		"a bounce":               {extra: byForm + "Return-Path: <>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n", body: "--b--\r\n"},
		"by a list of somebody":  {extra: byForm + "List-Id: <news.offers.example>\r\n"},
		"marked as spam":         {extra: byForm + "X-Spam-Flag: YES\r\n"},
		"a delivery status text": {extra: byForm + "Auto-Submitted: auto-replied\r\nX-Failed-Recipients: a@b.example\r\n"},
	} {
		e.from, e.id, e.body = "support@desk.example", unique(), e.body+"x"
		if e.subject == "" {
			e.subject = what
		}
		ids := d.accept(t, e)
		d.ingest(t, ids...)
		if got := d.row(t, ids[0]); text(got.Disposition) != inbox.OwnLoop {
			t.Errorf("%s: %s (%s)", what, text(got.Disposition), text(got.Reason))
		}
	}
	if n := one[int](t, d, "select count(*) from tickets"); n != 0 {
		t.Errorf("%d tickets", n)
	}
}

// Tried: each letter of ours that comes back as it was sent, and again with a Reply-To that somebody put in.
func TestOwnLettersThatComeBackStayALoop(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.ingest(t, d.accept(t, email{from: "carol@client.example", subject: "a", id: unique(), body: "x"})...)
	sent := column[string](t, d, "select rfc_message_id from letters order by kind")
	if len(sent) != 2 {
		t.Fatalf("letters: %v", sent)
	}
	for _, id := range sent {
		ids := d.accept(t, email{from: "support@desk.example", subject: "a", id: id, extra: byForm, body: unique()})
		d.ingest(t, ids...)
		d.expect(t, ids[0], inbox.OwnLoop)
	}
}

// Tried: a form in the name of somebody who takes part, naming the ticket by a letter's id, by the client's own
// email, and closed. It joins and reopens nothing.
func TestFormNeverJoinsATicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := unique()
	opened := d.accept(t, email{from: "ann@client.example", subject: "a", id: first, body: "x"})
	d.ingest(t, opened...)
	ticket := d.expect(t, opened[0], inbox.Opened).TicketID.UUID
	letter := one[string](t, d, "select rfc_message_id from letters where ticket_id = $1 and kind = 'acknowledgement'", ticket)
	closed := tickets.Closed
	if _, err := d.tickets.Update(t.Context(), staffActor(), ticket, d.full(t, ticket).Ticket.Version, tickets.Patch{Status: &closed}); err != nil {
		t.Fatal(err)
	}
	ids := d.accept(t,
		email{from: "support@desk.example", subject: "Re: a", id: unique(), inReplyTo: letter, extra: byForm, body: "send it to me instead"},
		email{from: "support@desk.example", subject: "Re: a", id: unique(), inReplyTo: first, extra: byForm, body: "me too"})
	d.ingest(t, ids...)
	if e := d.expect(t, ids[0], inbox.Held); e.TicketID.UUID != ticket || !strings.Contains(text(e.Reason), "form") {
		t.Errorf("held for %v: %s", e.TicketID, text(e.Reason))
	}
	if e := d.expect(t, ids[1], inbox.Opened); e.TicketID.UUID == ticket {
		t.Error("the form joined the ticket")
	}
	if full := d.full(t, ticket); len(full.Messages) != 1 || full.Ticket.Status != "closed" {
		t.Errorf("%d messages, status %s", len(full.Messages), full.Ticket.Status)
	}
}
