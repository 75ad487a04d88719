package inbox_test

import (
	"errors"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/inbox"
)

// A contact that is new is nobody's deed: the audit entry must not name whoever wrote the email before.
func TestNewContactIsNotAttributedToAnotherSender(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := unique()
	d.ingest(t, d.accept(t, email{from: "ann@client.example", subject: "a", id: first, body: "x"})...)
	ids := d.accept(t,
		email{from: "ann@client.example", subject: "Re: a", id: unique(), inReplyTo: first, body: "more"},
		email{from: "carol@other.example", subject: "new", id: unique(), body: "y"})
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Replied)
	d.expect(t, ids[1], inbox.Opened)
	got := one[string](t, d, `select actor_kind || ' ' || actor_id from audit_entries a join contacts c on a.subject_id = c.id::text
		where a.kind = 'contact.created' and c.email_norm = 'carol@other.example'`)
	if got != "system inbox" {
		t.Errorf("carol's contact was made by %q, want the inbox", got)
	}
}

// Our own address with a tag, such as an envelope sender that somebody wrote into From, is ourselves.
func TestOwnAddressWithATagIsALoop(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t,
		email{from: "support@desk.example", subject: "a", id: unique(), body: "x"},
		email{from: "Support <SUPPORT+b-abc@desk.example>", subject: "b", id: unique(), body: "y"})
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.OwnLoop)
	d.expect(t, ids[1], inbox.OwnLoop)
}

// Who asks for no automatic answer gets none, and a ticket all the same.
func TestNoAcknowledgementWhereTheSenderAsksForNone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for header, acks := range map[string]int{
		"X-Auto-Response-Suppress: OOF, AutoReply\r\n": 0,
		"X-Auto-Response-Suppress: DR, RN\r\n":         1,
		"Return-Path: <ann@client.example>\r\n":        1,
		"":                                             1,
	} {
		ids := d.accept(t, email{from: unique(), subject: "a", id: unique(), extra: header, body: "x"})
		d.ingest(t, ids...)
		e := d.expect(t, ids[0], inbox.Opened)
		n := one[int](t, d, "select count(*) from letters where ticket_id = $1 and kind = 'acknowledgement'", e.TicketID.UUID)
		if n != acks {
			t.Errorf("%q: %d acknowledgements, want %d", header, n, acks)
		}
	}
}

// The window of a domain is its own, not that of an address.
func TestDomainLimitHasItsOwnWindow(t *testing.T) {
	t.Parallel()
	r := rules()
	r.TicketsPerDomain, r.TicketWindow = 2, r.DomainWindow/600
	d := newDeskWith(t, r)
	for i, want := range []string{inbox.Opened, inbox.Opened, inbox.Flood} {
		ids := d.accept(t, email{from: unique(), subject: "a", id: unique(), body: "x"})
		// A second later for the address is nothing for the domain.
		d.exec(t, "update limit_counters set window_start = window_start - interval '2 seconds'")
		d.ingest(t, ids...)
		if d.expect(t, ids[0], want); t.Failed() {
			t.Fatalf("email %d", i+1)
		}
	}
}

// Two processes that find the same change of UIDVALIDITY begin one new generation, not two: the second
// would take for new what the first has not read yet.
func TestOnlyOneProcessRestartsAFolder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	asBothSawIt := d.folder
	f, err := d.inbox.Restart(t.Context(), asBothSawIt, inbox.Seen{UIDValidity: 8, UIDNext: 100})
	if err != nil || f.UIDValidity != 8 || f.LastUID != 0 || f.StartBelow != 100 {
		t.Fatalf("first restart: %+v, %v", f, err)
	}
	if _, err := d.inbox.Restart(t.Context(), asBothSawIt, inbox.Seen{UIDValidity: 8, UIDNext: 101}); !errors.Is(err, inbox.ErrMoved) {
		t.Errorf("second restart: %v, want ErrMoved", err)
	}
	if got := one[int64](t, d, "select start_below from mailbox_folders where id = $1", f.ID); got != 100 {
		t.Errorf("the second restart moved the start point to %d", got)
	}
}

// A database that fails is not the same as a folder that somebody else has read on: the poll must tell.
func TestAcceptTellsAFailureFromAMovedCursor(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	moved := d.folder
	d.accept(t, email{from: "ann@client.example", id: unique(), body: "x"})
	if err := d.inbox.Accept(t.Context(), moved, nil, 5); !errors.Is(err, inbox.ErrMoved) {
		t.Errorf("accept with an old cursor: %v, want ErrMoved", err)
	}
	d.exec(t, "alter table mailbox_folders rename to gone")
	if err := d.inbox.Accept(t.Context(), d.folder, nil, 5); err == nil || errors.Is(err, inbox.ErrMoved) {
		t.Errorf("accept without its table: %v, want the database's own error", err)
	}
}

// A reply and its parent that are routed at the very same time, by two processes, are one ticket.
func TestReplyAndParentRoutedAtOnceAreOneTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	parent := unique()
	reply := d.accept(t, email{from: "ann@client.example", subject: "Re: a", id: unique(), inReplyTo: parent, body: "y"})
	hold, err := d.look.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Both transactions stop here, after they have looked for their thread.
	if _, err := hold.Exec(t.Context(), "lock table limit_counters"); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	ingest := func(ids []int64) { results <- d.inbox.Ingest(t.Context(), ids) }
	go ingest(reply)
	d.waitForBlocked(t, 1)
	go ingest(d.accept(t, email{from: "ann@client.example", subject: "a", id: parent, body: "x"}))
	d.waitForBlocked(t, 2)
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	if got := column[int](t, d, "select messages from tickets"); len(got) != 1 || got[0] != 2 {
		t.Errorf("tickets with %v messages, want one with 2", got)
	}
}

// waitForBlocked waits until n of the product's transactions wait for a lock.
func (d *desk) waitForBlocked(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		blocked := one[int](t, d, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
		if blocked == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d transactions wait for a lock, want %d", blocked, n)
		}
	}
}
