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

// Tried: one slow server, two connections, eight letters and as many workers; then the process is taken for dead
// although it lives, and its jobs are released to another, twice over. What only waited is sent once.
func TestLetterThatWaitsIsNotBeingSent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.LetterWorkers = 8
	release := d.smtp.hold()
	d.work(t)
	d.letters(t, 8)
	const working = "select count(*) = 8 from river_job where kind = 'send_letter' and state = 'running'"
	d.eventually(t, 20*time.Second, "every letter has a worker", working)
	d.eventually(t, 20*time.Second, "two are being sent, and no more", "select count(*) = 2 from letters where state = 'sending'")
	d.exec(t, "update river_job set state = 'available', scheduled_at = now() where state = 'running' and kind = 'send_letter'")
	d.work(t)
	d.eventually(t, 20*time.Second, "the other process has taken them", "select count(*) = 0 from river_job where kind = 'send_letter' and state = 'available'")
	if got := one[string](t, d, "select concat_ws(' ', count(*) filter (where attempts = 0 and state = 'queued') >= 4, max(unknowns) <= 1) from letters"); got != "t t" {
		t.Errorf("the letters for which the four connections have no time are untouched, and none is given up: %s", got)
	}
	close(release)
	d.eventually(t, 40*time.Second, "all are sent", "select count(*) = 8 from letters where state = 'sent'")
	d.quiet(t)
	copies := map[string]int{}
	d.smtp.mu.Lock()
	for _, l := range d.smtp.letters {
		copies[l.messageID()]++
	}
	d.smtp.mu.Unlock()
	if twice := d.smtp.count() - len(copies); len(copies) != 8 || twice > 4 {
		t.Errorf("%d letters arrived, and %d copies more of the four that had begun", len(copies), twice)
	}
}

// Tried: the process stops while two letters wait for the two connections. They were not touched, and the
// next process sends them at once.
func TestStopLeavesLettersThatWait(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.Drain = 300 * time.Millisecond
	release := d.smtp.hold()
	w, _ := d.process(t)
	must(t, w.Start(t.Context()))
	d.letters(t, 4)
	d.eventually(t, 20*time.Second, "every letter has a worker", "select count(*) = 4 from river_job where kind = 'send_letter' and state = 'running'")
	d.eventually(t, 20*time.Second, "two are being sent", "select count(*) = 2 from letters where state = 'sending'")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // whoever stops it has no time left
	must(t, w.Stop(ctx))
	if got := column[string](t, d, "select concat_ws(' ', state, attempts, count(*)) from letters group by state, attempts order by attempts"); fmt.Sprint(got) != "[queued 0 2 queued 1 2]" {
		t.Errorf("the letters are %v", got)
	}
	close(release)
	d.work(t)
	d.exec(t, "update letters set next_attempt_at = now()")
	d.exec(t, "update river_job set scheduled_at = now(), state = 'available' where kind = 'send_letter' and state <> 'completed'")
	d.eventually(t, 20*time.Second, "all are sent", "select count(*) = 4 from letters where state = 'sent'")
	if n := d.smtp.count(); n != 4 {
		t.Errorf("%d letters arrived", n)
	}
}
