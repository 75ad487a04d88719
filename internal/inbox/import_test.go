package inbox_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/tickets"
)

// longAgo is when the imported emails of these tests were written.
var longAgo = time.Date(2019, 3, 4, 10, 0, 0, 0, time.UTC)

const dated = "Date: Mon, 4 Mar 2019 10:00:00 +0000\r\n"

// source opens an archive of that name.
func (d *desk) source(t *testing.T, path string, as tickets.Status) mailboxes.Folder {
	t.Helper()
	f, err := d.inbox.OpenSource(t.Context(), d.box.ID, path, as)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// arrivals are emails of an archive above its position.
func arrivals(t *testing.T, f mailboxes.Folder, emails ...email) []inbox.Arrival {
	t.Helper()
	var out []inbox.Arrival
	for i, e := range emails {
		spool, err := blob.NewSpool(strings.NewReader(e.raw()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = spool.Close() })
		out = append(out, inbox.Arrival{UID: f.LastUID + int64(i) + 1, Size: spool.Size(), InternalDate: longAgo.Add(time.Hour), Bytes: spool})
	}
	return out
}

// bring imports emails from a fresh archive and routes them.
func (d *desk) bring(t *testing.T, path string, as tickets.Status, emails ...email) []int64 {
	t.Helper()
	f := d.source(t, path, as)
	ids, err := d.inbox.AcceptImported(t.Context(), f, arrivals(t, f, emails...), f.LastUID+int64(len(emails)))
	if err != nil {
		t.Fatal(err)
	}
	d.ingest(t, ids...)
	return ids
}

// quiet fails the test where an import was news to anybody.
func (d *desk) quiet(t *testing.T, what string, before [3]int) {
	t.Helper()
	if after := d.noise(t); after != before {
		t.Errorf("%s: letters, public events, counters went from %v to %v", what, before, after)
	}
}

// noise is how many letters, public events and counted limits there are.
func (d *desk) noise(t *testing.T) (n [3]int) {
	t.Helper()
	for i, table := range []string{"letters", "webhook_events", "limit_counters"} {
		n[i] = one[int](t, d, "select count(*) from "+table)
	}
	return n
}

// Tried: 40 requests of one stranger (twice the limit), one of them high, an autoresponder's, a reply, a reply of
// somebody who takes no part, and a list's, all at once. Each gets its disposition, and nobody hears of it.
func TestImportMovesNobody(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	before := d.noise(t)
	var emails []email
	for range 40 {
		emails = append(emails, email{from: "ann@client.example", subject: "urgent: it burns", id: unique(), extra: dated, body: "x"})
	}
	parent := emails[0].id
	emails = append(emails,
		email{from: "ann@client.example", subject: "Re: it burns", id: unique(), inReplyTo: parent, extra: dated, body: "more"},
		email{from: "ann@client.example", subject: "Away", id: unique(), inReplyTo: parent, extra: dated + "Auto-Submitted: auto-replied\r\n", body: "away"},
		email{from: "news@list.example", subject: "News", id: unique(), extra: dated + "List-Id: <news.list.example>\r\nPrecedence: list\r\n", body: "news"})
	ids := d.bring(t, "/old.mbox", tickets.Closed, emails...)
	for _, id := range ids[:40] {
		d.expect(t, id, inbox.Opened)
	}
	reply := d.expect(t, ids[40], inbox.Replied)
	d.expect(t, ids[41], inbox.AutoReply)
	d.expect(t, ids[42], inbox.List)
	d.quiet(t, "the import", before)

	ticket := d.full(t, reply.TicketID.UUID)
	if ticket.Ticket.Status != tickets.Closed || !ticket.Ticket.CreatedAt.Equal(longAgo) || !ticket.Ticket.LastMessageAt.Equal(longAgo) || ticket.Ticket.ClosedAt == nil || ticket.Messages[0].CreatedAt.Year() != 2019 {
		t.Errorf("the ticket: %+v", ticket.Ticket)
	}
	if len(ticket.Messages) != 3 || ticket.Ticket.Messages != 3 {
		t.Errorf("%d messages, the ticket counts %d", len(ticket.Messages), ticket.Ticket.Messages)
	}
	got := column[string](t, d, "select kind from audit_entries where subject_id = $1 order by seq", ticket.Ticket.ID.String())
	if strings.Join(got, " ") != "ticket.imported ticket.noted ticket.noted" {
		t.Errorf("the record says %v", got)
	}
	if at := one[time.Time](t, d, "select min(at) from audit_entries where subject_id = $1", ticket.Ticket.ID.String()); at.Year() == 2019 {
		t.Error("the record has the email's time, not its own")
	}
}

// Tried: what IMAP brought comes again from an archive, and what an archive brought comes by IMAP.
func TestImportAndMailboxKnowEachOthersEmails(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	live := email{from: "ann@client.example", subject: "by IMAP", id: unique(), extra: dated, body: "x"}
	old := email{from: "bob@client.example", subject: "by archive", id: unique(), extra: dated, body: "y"}
	liveIDs := d.accept(t, live)
	d.ingest(t, liveIDs...)
	before := d.noise(t)
	again := d.bring(t, "/old.mbox", tickets.Closed, live, old)
	oldAgain := d.accept(t, old)
	d.ingest(t, oldAgain...)
	if a, b := d.expect(t, liveIDs[0], inbox.Opened), d.expect(t, again[0], inbox.Duplicate); a.TicketID != b.TicketID {
		t.Error("the copy from the archive is on another ticket")
	}
	if a, b := d.expect(t, again[1], inbox.Opened), d.expect(t, oldAgain[0], inbox.Duplicate); a.TicketID != b.TicketID {
		t.Error("the copy by IMAP is on another ticket")
	}
	d.quiet(t, "copies", before)
}

// Tried: a live reply to an imported email, then an older imported reply to that live ticket, and one to a live
// ticket that waits and one that is closed. The live one reopens; the imported ones move nothing.
func TestThreadsHoldBetweenPastAndPresent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	root := email{from: "ann@client.example", subject: "old", id: unique(), extra: dated, body: "x"}
	imported := d.bring(t, "/old.mbox", tickets.Closed, root)
	live := d.accept(t, email{from: "ann@client.example", subject: "Re: old", id: unique(), inReplyTo: root.id, body: "again"})
	d.ingest(t, live...)
	ticket := d.expect(t, imported[0], inbox.Opened).TicketID
	if got := d.expect(t, live[0], inbox.Replied).TicketID; got != ticket {
		t.Fatal("the live reply is on another ticket")
	}
	if f := d.full(t, ticket.UUID); f.Ticket.Status != tickets.Open {
		t.Errorf("the live reply left the ticket %s", f.Ticket.Status)
	}
	for _, status := range []tickets.Status{tickets.Waiting, tickets.Closed} {
		d.urls.Fixture(t, "update tickets set status = $1, closed_at = case when $1 = 'closed' then now() end", string(status))
		was, before := d.full(t, ticket.UUID), d.noise(t)
		ids := d.bring(t, "/more-"+string(status), tickets.Open, email{from: "ann@client.example", subject: "Re: old", id: unique(), inReplyTo: root.id, extra: dated, body: "between " + string(status)})
		if got := d.expect(t, ids[0], inbox.Replied).TicketID; got != ticket {
			t.Error("the imported reply is on another ticket")
		}
		is := d.full(t, ticket.UUID)
		if is.Ticket.Status != status || !is.Ticket.LastMessageAt.Equal(was.Ticket.LastMessageAt) || is.Ticket.Messages != was.Ticket.Messages+1 {
			t.Errorf("%s: the imported reply made of the ticket %+v", status, is.Ticket)
		}
		d.quiet(t, "a reply to a ticket that is "+string(status), before)
	}
	// The thread stands in the order in which it was written: the live message is the newest.
	if newest := one[string](t, d, "select body from messages where ticket_id = $1 order by id desc limit 1", ticket.UUID); newest != "again" {
		t.Errorf("the newest message is %q", newest)
	}
}

// Tried: a stranger's imported email under an id of ours is held without a word, and --open leaves tickets open.
func TestImportHoldsStrangersInSilence(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t, email{from: "ann@client.example", subject: "live", id: unique(), body: "x"})
	d.ingest(t, ids...)
	ours := one[string](t, d, "select rfc_message_id from letters where kind = 'acknowledgement'")
	before := d.noise(t)
	imported := d.bring(t, "/old.mbox", tickets.Open,
		email{from: "eve@evil.example", subject: "Re: live", id: unique(), inReplyTo: ours, extra: dated, body: "pay here"},
		email{from: "bob@client.example", subject: "open", id: unique(), extra: "Date: Fri, 1 Jan 2999 00:00:00 +0000\r\n", body: "x"})
	d.expect(t, imported[0], inbox.Held)
	opened := d.full(t, d.expect(t, imported[1], inbox.Opened).TicketID.UUID)
	if opened.Ticket.Status != tickets.Open || opened.Ticket.ClosedAt != nil || !opened.Ticket.CreatedAt.Equal(longAgo.Add(time.Hour)) {
		t.Errorf("an email from the future made %+v", opened.Ticket)
	}
	d.quiet(t, "a stranger", before)
}

// Tried: the same position read by two runs, a UID that is there already, an archive that was written anew.
func TestImportGoesOnFromItsPosition(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	f := d.source(t, "/old.mbox", tickets.Closed)
	first := arrivals(t, f, email{from: "ann@client.example", subject: "1", id: unique(), body: "x"}, email{from: "ann@client.example", subject: "2", id: unique(), body: "x"})
	if ids, err := d.inbox.AcceptImported(t.Context(), f, first, 2); err != nil || len(ids) != 2 {
		t.Fatalf("accepted %v: %v", ids, err)
	}
	if _, err := d.inbox.AcceptImported(t.Context(), f, first, 2); !errors.Is(err, inbox.ErrOtherRun) {
		t.Errorf("a second run at the same position got %v", err)
	}
	again, found, err := d.inbox.FindSource(t.Context(), d.box.ID, "/old.mbox")
	if err != nil || !found || again.LastUID != 2 || again.ID != f.ID {
		t.Errorf("the archive stands at %+v (%v): %v", again, found, err)
	}
	if last, found, err := d.inbox.Last(t.Context(), again); err != nil || !found || last.Size != first[1].Size {
		t.Errorf("the last one is %+v (%v): %v", last, found, err)
	}
	if ids, err := d.inbox.AcceptImported(t.Context(), again, first, 2); err != nil || len(ids) != 0 {
		t.Errorf("UIDs that are there gave %v: %v", ids, err)
	}
	if held, err := d.inbox.Held(t.Context(), again, []int64{1, 2, 3}); err != nil || !held[1] || !held[2] || held[3] {
		t.Errorf("held %v: %v", held, err)
	}
	pending, err := d.inbox.Unrouted(t.Context(), []int64{f.ID}, 0, 10)
	if err != nil || len(pending) != 2 {
		t.Fatalf("unrouted %v: %v", pending, err)
	}
	d.ingest(t, pending...)
	anew, err := d.inbox.RestartSource(t.Context(), again)
	if err != nil || anew.Generation != again.Generation+1 || anew.LastUID != 0 {
		t.Fatalf("written anew: %+v: %v", anew, err)
	}
	ids, err := d.inbox.AcceptImported(t.Context(), anew, first, 2)
	if err != nil {
		t.Fatal(err)
	}
	d.ingest(t, ids...)
	counts, err := d.inbox.Counts(t.Context(), []int64{f.ID})
	if err != nil || len(counts) != 2 || counts[0] != (inbox.Counted{Disposition: inbox.Duplicate, Emails: 2}) || counts[1].Emails != 2 {
		t.Errorf("counted %v: %v", counts, err)
	}
}
