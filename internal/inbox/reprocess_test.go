package inbox_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/mail/message"
)

const withDate = "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n"

var eve = event.Actor{Kind: "api_key", ID: "k", Name: "Eve", Realm: event.Staff}

func (d *desk) again(t *testing.T, id int64, a inbox.Again) inbox.Reprocessed {
	t.Helper()
	out, err := d.inbox.Reprocess(t.Context(), eve, id, a)
	if err != nil {
		t.Fatalf("read email %d again as %+v: %v", id, a, err)
	}
	return out
}

func (d *desk) refused(t *testing.T, id int64, a inbox.Again, code string) {
	t.Helper()
	_, err := d.inbox.Reprocess(t.Context(), eve, id, a)
	if f := fault.As(err); f == nil || f.Code != code {
		t.Errorf("reading email %d again as %+v: %v, want %s", id, a, err, code)
	}
}

// differs is the differences as "field: from -> to".
func differs(r inbox.Reprocessed) string {
	var lines []string
	for _, d := range r.Differences {
		lines = append(lines, d.Field+": "+text(d.From)+" -> "+text(d.To))
	}
	return strings.Join(lines, "\n")
}

// state is everything that reading an email again might change.
func (d *desk) state(t *testing.T) string {
	t.Helper()
	return one[string](t, d, `select concat_ws(E'\n', (select string_agg(e::text, E'\n' order by id) from inbound_emails e),
		(select string_agg(x::text, E'\n' order by id) from tickets x), (select string_agg(x::text, E'\n' order by id) from messages x),
		(select string_agg(x::text, E'\n' order by id) from attachments x), (select string_agg(x::text, E'\n') from email_keys x),
		(select count(*) from letters), (select count(*) from contacts), (select count(*) from audit_entries), (select count(*) from webhook_events),
		(select count(*) from blob_chunks), (select last_value from ticket_numbers), (select string_agg(x::text, ' ') from limit_counters x))`)
}

// held is a ticket of Ann's and an email that a stranger sent to it.
func (d *desk) held(t *testing.T) (ticket uuid.UUID, id int64) {
	t.Helper()
	first := d.accept(t, email{from: "ann@client.example", subject: "a", id: unique(), body: "x"})
	d.ingest(t, first...)
	ticket = d.expect(t, first[0], inbox.Opened).TicketID.UUID
	letter := one[string](t, d, "select rfc_message_id from letters where ticket_id = $1 and kind = 'acknowledgement'", ticket)
	ids := d.accept(t, email{from: "Bob <bob@client.example>", subject: "Re: a", id: unique(), inReplyTo: letter, extra: withDate, body: "from my other address"})
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Held)
	return ticket, ids[0]
}

// Tried: the look first, which must change nothing at all; then the same for good, twice, and the other way.
func TestHeldEmailIsReleasedOnce(t *testing.T) {
	t.Parallel()
	for as, want := range map[string]struct{ disposition, look string }{
		inbox.AsJoin: {inbox.Replied, "disposition: held -> replied\nreason: it was sent from an address that takes no part in the ticket; found by letters -> released by Eve\nreply: none -> from my other address"},
		inbox.AsOpen: {inbox.Opened, "disposition: held -> opened\nreason: it was sent from an address that takes no part in the ticket; found by letters -> released by Eve\nticket: #1001 -> a new ticket\npriority: none -> medium\nreply: none -> from my other address"},
	} {
		t.Run(as, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			ticket, id := d.held(t)
			before, letters := d.state(t), one[int](t, d, "select count(*) from letters")
			if r := d.again(t, id, inbox.Again{As: as}); r.Applied || differs(r) != want.look {
				t.Errorf("the look: applied %v\n%s", r.Applied, differs(r))
			}
			if r := d.again(t, id, inbox.Again{Apply: true}); r.Applied || len(r.Differences) > 0 {
				t.Errorf("as the rules say: %s", differs(r))
			}
			if after := d.state(t); after != before {
				t.Fatalf("the look changed something:\n%s\n%s", before, after)
			}
			r := d.again(t, id, inbox.Again{As: as, Apply: true})
			e := d.expect(t, id, want.disposition)
			full := d.full(t, e.TicketID.UUID)
			last := full.Messages[len(full.Messages)-1]
			if !r.Applied || *e.Reason != "released by Eve" || last.Body != "from my other address" || *last.EmailID != id || last.AuthorAddress != "bob@client.example" {
				t.Errorf("released: %s\n%+v", differs(r), last)
			}
			if (e.TicketID.UUID == ticket) != (as == inbox.AsJoin) || d.full(t, ticket).Ticket.Held != 0 {
				t.Errorf("it is on %s, held for %s: %d", e.TicketID.UUID, ticket, d.full(t, ticket).Ticket.Held)
			}
			for _, again := range []string{inbox.AsOpen, inbox.AsJoin} {
				d.refused(t, id, inbox.Again{As: again, Apply: true}, "already_on_ticket")
			}
			if n := one[int](t, d, "select count(*) from letters"); n != letters {
				t.Errorf("%d letters were written", n-letters)
			}
			if n := one[int](t, d, `select count(*) from audit_entries where kind = 'email.reprocessed' and actor_name = 'Eve' and detail::text not like '%other address%'`); n != 1 {
				t.Errorf("%d entries of the record without the email's words, want 1", n)
			}
		})
	}
}

// Tried: what was set aside, released to a ticket of its own with an acknowledgement; automatic mail is never
// acknowledged, whoever asks for it.
func TestSetAsideEmailOpensATicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for extra, want := range map[string]struct {
		disposition string
		letters     int
	}{
		"X-Spam-Flag: YES\r\n": {inbox.Spam, 1}, "Auto-Submitted: auto-replied\r\n": {inbox.AutoReply, 0}, "List-Id: <news.offers.example>\r\n": {inbox.List, 0},
	} {
		ids := d.accept(t, email{from: "ann@client.example", subject: "URGENT: all is down", id: unique(), extra: extra, body: "x"})
		d.ingest(t, ids...)
		d.expect(t, ids[0], want.disposition)
		d.refused(t, ids[0], inbox.Again{As: inbox.AsJoin, Apply: true}, "ticket_missing")
		d.refused(t, ids[0], inbox.Again{As: inbox.AsJoin, Apply: true, TicketID: uuid.New()}, "ticket_not_found")
		r := d.again(t, ids[0], inbox.Again{As: inbox.AsOpen, Apply: true, Acknowledge: true})
		ticket := d.expect(t, ids[0], inbox.Opened).TicketID.UUID
		if n := one[int](t, d, "select count(*) from letters where ticket_id = $1", ticket); n != want.letters {
			t.Errorf("%s: %d letters, want %d\n%s", want.disposition, n, want.letters, differs(r))
		}
		if got := strings.Contains(differs(r), "acknowledgement: none -> queued"); got != (want.letters > 0) || !strings.Contains(differs(r), "priority: none -> high") {
			t.Errorf("%s: %s", want.disposition, differs(r))
		}
	}
}

// Tried: rules that changed after an email was set aside: here the reading is another one.
func TestEmailIsRoutedByTodaysRules(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := unique()
	ids := d.accept(t, email{from: "ann@client.example", subject: "a", id: id, extra: "X-Spam-Flag: YES\r\n", body: "x"})
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Spam)
	d.readAs(func(e *message.Email) { e.Spam, e.Class, e.Reasons = false, message.ClassHuman, nil })
	before := d.state(t)
	if r := d.again(t, ids[0], inbox.Again{}); r.Email.TicketID.Valid || !strings.Contains(differs(r), "disposition: spam -> opened") || d.state(t) != before {
		t.Errorf("the look: %s", differs(r))
	}
	d.again(t, ids[0], inbox.Again{Apply: true})
	ticket := d.expect(t, ids[0], inbox.Opened).TicketID
	if r := d.again(t, ids[0], inbox.Again{Apply: true}); r.Applied || len(r.Differences) > 0 {
		t.Errorf("a second time: %s", differs(r))
	}
	reply := d.accept(t, email{from: "ann@client.example", subject: "Re: a", id: unique(), inReplyTo: id, body: "more"})
	d.ingest(t, reply...)
	if e := d.expect(t, reply[0], inbox.Replied); e.TicketID != ticket {
		t.Errorf("its reply is on %v", e.TicketID)
	}
}

// readAs reads emails and changes what is understood.
func (d *desk) readAs(change func(*message.Email)) {
	d.inbox.ReadWith(func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error) {
		e, err := message.Parse(raw, l, keep)
		if err == nil {
			change(e)
		}
		return e, err
	})
}

// Tried: a message read wrongly at first. It is corrected where it is, and what people did stays.
func TestMessageIsCorrectedInItsPlace(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.readAs(func(e *message.Email) {
		e.Reply, e.HTML, e.Problems = "gïbberish", "<p>gibberish</p>", []string{"odd charset"}
	})
	ids := d.accept(t, email{from: "ann@client.example", subject: "a", id: unique(), extra: withDate, body: "good words"})
	d.ingest(t, ids...)
	ticket := d.expect(t, ids[0], inbox.Opened).TicketID.UUID
	d.readAs(func(*message.Email) {})
	letters, before := one[int](t, d, "select count(*) from letters"), d.state(t)
	want := "reply: gïbberish -> good words\nfull_text: good words -> none\nhtml: <p>gibberish</p> -> none\nproblems: odd charset -> none"
	if r := d.again(t, ids[0], inbox.Again{}); differs(r) != want || d.state(t) != before {
		t.Errorf("the look: %s", differs(r))
	}
	if r := d.again(t, ids[0], inbox.Again{Apply: true}); differs(r) != want || !r.Applied {
		t.Errorf("applied: %s", differs(r))
	}
	full := d.full(t, ticket)
	if m := full.Messages; len(m) != 1 || m[0].Body != "good words" || m[0].HTML != nil || m[0].FullText != nil || len(m[0].Problems) > 0 {
		t.Errorf("the message is %+v", m)
	}
	if n := one[int](t, d, "select count(*) from letters"); n != letters || full.Ticket.Messages != 1 {
		t.Errorf("%d letters more, %d messages", n-letters, full.Ticket.Messages)
	}
	if n := one[int](t, d, `select count(*) from audit_entries where detail::text ~ 'good words|bberish'`); n > 0 {
		t.Error("the record holds the email's words")
	}
	d.expect(t, ids[0], inbox.Opened)
	d.refused(t, ids[0], inbox.Again{As: inbox.AsOpen, Apply: true}, "already_on_ticket")
}

// Tried: an email that could not be read at all when it came.
func TestUnreadableEmailIsUnderstoodLater(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.readAs(func(*message.Email) { panic("as a mistake of ours would") })
	ids := d.accept(t, email{from: "Ann <ann@client.example>", subject: "Where is it?", id: unique(),
		extra: "Content-Type: multipart/mixed; boundary=b\r\n", body: "--b\r\n\r\nwords\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%PDF\r\n--b--\r\n"})
	d.ingest(t, ids...)
	ticket := d.expect(t, ids[0], inbox.Quarantined).TicketID.UUID
	if r := d.again(t, ids[0], inbox.Again{Apply: true}); r.Applied {
		t.Errorf("it is no more readable than before: %s", differs(r))
	}
	d.readAs(func(*message.Email) {})
	d.again(t, ids[0], inbox.Again{Apply: true})
	d.expect(t, ids[0], inbox.Opened)
	full := d.full(t, ticket)
	if f := full.Ticket; f.Subject != "Where is it?" || f.RequesterAddress != "ann@client.example" || !f.ContactID.Valid || full.Messages[0].Body != "words" || full.Messages[0].AuthorName != "Ann" {
		t.Errorf("the ticket is %+v\n%+v", f, full.Messages)
	}
	if len(full.Participants) != 1 || len(full.Attachments) != 2 { // the original and the PDF
		t.Errorf("participants %v, attachments %v", full.Participants, full.Attachments)
	}
	if r := d.again(t, ids[0], inbox.Again{Apply: true}); r.Applied {
		t.Errorf("a second time: %s", differs(r))
	}
}

// Tried: eight people who release one email at once, and two copies of an email released at once. One wins.
func TestReleasedAtOnceIsReleasedOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ticket, held := d.held(t)
	spam := email{from: "ann@client.example", subject: "a", id: unique(), extra: "X-Spam-Flag: YES\r\n", body: "x"}
	copies := append(d.accept(t, spam), d.accept(t, spam)...)
	d.ingest(t, copies[0])
	d.ingest(t, copies[1])
	d.expect(t, copies[1], inbox.Duplicate)
	for _, c := range []struct {
		ids []int64
		as  string
	}{{[]int64{held}, inbox.AsJoin}, {copies, inbox.AsOpen}} {
		var wait sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wait.Go(func() {
				_, errs[i] = d.inbox.Reprocess(t.Context(), eve, c.ids[i%len(c.ids)], inbox.Again{As: c.as, Apply: true})
			})
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if f := fault.As(err); f == nil || f.Code != "already_on_ticket" {
				t.Errorf("refused with %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d of 8 released %v", won, c.ids)
		}
	}
	if full := d.full(t, ticket); len(full.Messages) != 2 || full.Ticket.Messages != 2 || full.Ticket.Held != 0 {
		t.Errorf("%d messages (counted %d), held %d", len(full.Messages), full.Ticket.Messages, full.Ticket.Held)
	}
	if n := one[int](t, d, "select count(*) from tickets"); n != 2 {
		t.Errorf("%d tickets, want 2", n)
	}
}

// Tried: bytes that retention removed, a row that is still to be routed, and none at all.
func TestWhatCannotBeReadAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t, email{from: "ann@client.example", subject: "a", id: unique(), body: "x"}, email{from: "ann@client.example", subject: "b", id: unique(), body: "y"})
	d.refused(t, ids[0], inbox.Again{}, "email_not_routed")
	d.refused(t, ids[0], inbox.Again{As: inbox.AsOpen, TicketID: uuid.New()}, "ticket_without_join")
	d.refused(t, 4711, inbox.Again{}, "inbound_email_not_found")
	d.ingest(t, ids...)
	d.exec(t, "update inbound_emails set sha256 = null where subject = 'a'")
	d.exec(t, "delete from blob_chunks")
	for _, id := range ids {
		d.refused(t, id, inbox.Again{Apply: true}, "bytes_gone")
	}
	var f *fault.Fault
	if _, err := d.inbox.Reprocess(t.Context(), eve, ids[0], inbox.Again{}); !errors.As(err, &f) || f.Kind != fault.Conflict {
		t.Errorf("refused with %v, want a Conflict", err)
	}
}
