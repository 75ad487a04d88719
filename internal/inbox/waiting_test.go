package inbox_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/mail/message"
)

// countReadings counts how often each subject is parsed from now on.
func (d *desk) countReadings() (of func(subject string) int) {
	var mu sync.Mutex
	n := map[string]int{}
	d.inbox.ReadWith(func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error) {
		e, err := message.Parse(raw, l, keep)
		mu.Lock()
		defer mu.Unlock()
		n[e.Subject]++
		return e, err
	})
	return func(subject string) int {
		mu.Lock()
		defer mu.Unlock()
		return n[subject]
	}
}

// runQueue works the jobs that may run now, and those that they queue in turn, until there are none.
func (d *desk) runQueue(t *testing.T) {
	t.Helper()
	for range 100 {
		jobs := column[[]int64](t, d, `with taken as (delete from river_job where kind = 'ingest_emails' and scheduled_at <= now() returning id, args)
			select array(select e::bigint from jsonb_array_elements_text(args -> 'email_ids') e) from taken order by id`)
		if len(jobs) == 0 {
			return
		}
		for _, ids := range jobs {
			d.ingest(t, ids...)
		}
	}
	t.Fatal("the queue does not end")
}

// Tried: rings of two to five emails that each answer the next, in one batch and in a batch each. Nobody waits
// for the clock, each is read twice at most, and the ring is one conversation of its only sender.
func TestEmailsThatAnswerEachOtherDoNotWait(t *testing.T) {
	t.Parallel()
	for n := 2; n <= 5; n++ {
		for _, together := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d together %t", n, together), func(t *testing.T) {
				t.Parallel()
				d := newDesk(t)
				readings := d.countReadings()
				names := make([]string, n)
				for i := range names {
					names[i] = unique()
				}
				var ring []email
				for i, id := range names {
					ring = append(ring, email{from: "eve@evil.example", subject: id, id: id, inReplyTo: names[(i+1)%n], body: "x"})
				}
				ids := d.accept(t, ring...)
				if !together {
					d.exec(t, "delete from river_job")
					for _, id := range ids {
						d.ingest(t, id)
					}
				}
				d.runQueue(t)
				tickets := map[uuid.UUID]bool{}
				for i, id := range ids {
					e := d.row(t, id)
					if e.Disposition == nil {
						t.Fatalf("email %d of the ring still waits", i+1)
					}
					tickets[e.TicketID.UUID] = true
					if got := readings(names[i]); got > 2 {
						t.Errorf("email %d of the ring was read %d times", i+1, got)
					}
				}
				if len(tickets) != 1 {
					t.Errorf("the ring became %d tickets", len(tickets))
				}
			})
		}
	}
}

// Tried: a reply whose parent is stored and not routed, looked at five times, then the parent. Waiting costs
// neither a reading nor an attempt, and the parent's commit queues the reply again.
func TestWaitingReplyIsWokenByItsParent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	readings := d.countReadings()
	parent := unique()
	ids := d.accept(t,
		email{from: "ann@client.example", subject: "reply", id: unique(), inReplyTo: parent, body: "y"},
		email{from: "ann@client.example", subject: "parent", id: parent, body: "x"})
	d.exec(t, "delete from river_job")
	for range 5 {
		d.ingest(t, ids[0])
	}
	if e := d.row(t, ids[0]); e.Disposition != nil || e.Attempts != 0 || readings("reply") != 1 {
		t.Fatalf("the reply: disposition %s, %d attempts, read %d times; want it waiting, read once", text(e.Disposition), e.Attempts, readings("reply"))
	}
	if later := one[bool](t, d, "select scheduled_at > now() + interval '9 minutes' from river_job where kind = 'ingest_emails'"); !later {
		t.Error("nothing looks at the reply when its time to wait is over")
	}
	d.ingest(t, ids[1])
	d.runQueue(t)
	if reply, opened := d.expect(t, ids[0], inbox.Replied), d.expect(t, ids[1], inbox.Opened); reply.TicketID != opened.TicketID {
		t.Errorf("the reply is on %v, its parent on %v", reply.TicketID, opened.TicketID)
	}
}

// Tried: a parent that never gets routed.
func TestWaitingEndsWithItsTime(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	parent := unique()
	ids := d.accept(t,
		email{from: "ann@client.example", subject: "reply", id: unique(), inReplyTo: parent, body: "y"},
		email{from: "ann@client.example", subject: "parent", id: parent, body: "x"})
	d.ingest(t, ids[0])
	d.exec(t, "update inbound_emails set accepted_at = accepted_at - interval '9 minutes 50 seconds'")
	d.ingest(t, ids[0])
	if e := d.row(t, ids[0]); e.Disposition != nil {
		t.Fatalf("after less than its time: %s", *e.Disposition)
	}
	d.exec(t, "update inbound_emails set accepted_at = accepted_at - interval '11 seconds'")
	d.ingest(t, ids[0])
	ticket := d.expect(t, ids[0], inbox.Opened).TicketID
	d.ingest(t, ids[1])
	if e := d.expect(t, ids[1], inbox.Replied); e.TicketID != ticket {
		t.Errorf("the parent is on %v, its reply on %v", e.TicketID, ticket)
	}
}

// Tried: a reply that begins to wait in the very moment in which its parent is being routed, by another process.
// It names the parent in second place, so that the lock on the first does not keep the two apart.
func TestReplyDoesNotMissItsParentsRouting(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	parent := unique()
	ids := d.accept(t,
		email{from: "ann@client.example", subject: "parent", id: parent, body: "x"},
		email{from: "ann@client.example", subject: "reply", id: unique(), inReplyTo: unique(), extra: "References: <" + parent + ">\r\n", body: "y"})
	d.exec(t, "delete from river_job")
	hold, err := d.look.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := hold.Exec(t.Context(), "lock table limit_counters"); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 2)
	for i, id := range ids {
		go func() { results <- d.inbox.Ingest(t.Context(), []int64{id}) }()
		d.waitForBlocked(t, i+1)
	}
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range ids {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	d.runQueue(t)
	if reply, opened := d.expect(t, ids[1], inbox.Replied), d.expect(t, ids[0], inbox.Opened); reply.TicketID != opened.TicketID {
		t.Errorf("the reply is on %v, its parent on %v", reply.TicketID, opened.TicketID)
	}
}

// Tried: 60 emails in one hostile chain, each before the one that it answers. Everybody is routed, and nobody is
// read more than twice.
func TestLongChainOfWaitingEmailsEnds(t *testing.T) {
	t.Parallel()
	r := rules()
	r.TicketsPerSender = 1000
	d := newDeskWith(t, r)
	readings := d.countReadings()
	var chain []email
	next := unique()
	for range 60 {
		id := next
		next = unique()
		chain = append(chain, email{from: "eve@evil.example", subject: id, id: id, inReplyTo: next, body: "x"})
	}
	ids := d.accept(t, chain...)
	d.runQueue(t)
	for i, id := range ids {
		if d.row(t, id).Disposition == nil {
			t.Fatalf("email %d still waits", i+1)
		}
		if readings(chain[i].subject) > 2 {
			t.Errorf("email %d was read %d times", i+1, readings(chain[i].subject))
		}
	}
}

// Tried: five emails under one Message-ID that are routed one after the other, each waking a reply to that id.
func TestNobodyWaitsForEveryEmailOfOneID(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	readings := d.countReadings()
	parent := unique()
	batch := []email{{from: "ann@client.example", subject: "reply", id: unique(), inReplyTo: parent, body: "y"}}
	for range 5 {
		batch = append(batch, email{from: "ann@client.example", subject: "parent", id: parent, body: unique()})
	}
	ids := d.accept(t, batch...)
	d.exec(t, "delete from river_job")
	for _, id := range ids {
		d.ingest(t, id)
		d.runQueue(t)
	}
	d.expect(t, ids[0], inbox.Replied)
	if got := readings("reply"); got != 2 {
		t.Errorf("the reply was read %d times, want 2", got)
	}
}
