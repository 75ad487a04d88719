package worker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
)

// letters opens so many tickets that each owe one acknowledgement, and waits for them.
func (d *desk) letters(t *testing.T, n int) {
	t.Helper()
	none := []string{}
	d.update(t, mailboxes.Fields{StaffAddresses: &none})
	for i := range n {
		d.deliver(t, "INBOX", time.Now(), email{from: fmt.Sprintf("c%d@client.example", i), subject: "a", id: unique(), body: "x"})
	}
	d.enqueue(t, pollOf(d))
	d.wantTickets(t, 30*time.Second, n)
}

// hold makes the server answer RCPT only once the returned channel is closed.
func (s *sink) hold() (release chan struct{}) {
	release = make(chan struct{})
	s.script(func(stage string) error {
		if stage == "rcpt" {
			<-release
		}
		return nil
	})
	return release
}

// Tried: one slow server, two connections, twelve letters and as many workers; then the process is taken for dead
// although it lives, and its jobs are released to another. What only waited, its turn or before, is sent once.
func TestLetterThatWaitsIsNotBeingSent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.LetterWorkers, d.patient = 12, time.Minute
	release := d.smtp.hold()
	d.work(t)
	d.letters(t, 12)
	const working = "select count(*) = 12 from river_job where kind = 'send_letter' and state = 'running'"
	d.eventually(t, 20*time.Second, "every letter has a worker", working)
	d.eventually(t, 20*time.Second, "two are being sent, two are next, and no more", "select count(*) = 4 from letters where state = 'sending'")
	d.exec(t, "update river_job set state = 'available', scheduled_at = now() where state = 'running' and kind = 'send_letter'")
	d.work(t)
	d.eventually(t, 20*time.Second, "the other process has taken them", "select count(*) = 0 from river_job where kind = 'send_letter' and state = 'available'")
	if got := one[string](t, d, "select concat_ws(' ', count(*) filter (where attempts = 0 and state = 'queued') >= 4, max(unknowns) <= 1) from letters"); got != "t t" {
		t.Errorf("the letters for which the connections of both have no time are untouched, and none is given up: %s", got)
	}
	close(release)
	d.eventually(t, 40*time.Second, "all are sent", "select count(*) = 12 from letters where state = 'sent'")
	d.quiet(t)
	copies := map[string]int{}
	d.smtp.mu.Lock()
	for _, l := range d.smtp.letters {
		copies[l.messageID()]++
	}
	d.smtp.mu.Unlock()
	if twice := d.smtp.count() - len(copies); len(copies) != 12 || twice > 2 {
		t.Errorf("%d letters arrived, and %d copies more of the two that had begun", len(copies), twice)
	}
}

// Tried: the process stops while four letters wait for the two connections, two of them next. They are as if they had
// not been touched, and the next process sends them at once.
func TestStopLeavesLettersThatWait(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.LetterWorkers, d.set.Drain, d.patient = 6, 300*time.Millisecond, time.Minute
	release := d.smtp.hold()
	w, _ := d.process(t)
	must(t, w.Start(t.Context()))
	d.letters(t, 6)
	d.eventually(t, 20*time.Second, "every letter has a worker", "select count(*) = 6 from river_job where kind = 'send_letter' and state = 'running'")
	d.eventually(t, 20*time.Second, "two are being sent and two are next", "select count(*) = 4 from letters where state = 'sending'")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // whoever stops it has no time left
	must(t, w.Stop(ctx))
	if got := column[string](t, d, "select concat_ws(' ', state, attempts, count(*)) from letters group by state, attempts order by attempts"); fmt.Sprint(got) != "[queued 0 4 queued 1 2]" {
		t.Errorf("the letters are %v", got)
	}
	close(release)
	d.work(t)
	d.exec(t, "update letters set next_attempt_at = now()")
	d.exec(t, "update river_job set scheduled_at = now(), state = 'available' where kind = 'send_letter' and state <> 'completed'")
	d.eventually(t, 20*time.Second, "all are sent", "select count(*) = 6 from letters where state = 'sent'")
	if n := d.smtp.count(); n != 6 {
		t.Errorf("%d letters arrived", n)
	}
}
