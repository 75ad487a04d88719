package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/worker"
)

// watcher starts a process that works and watches until the returned function ends it in an orderly way.
func (d *desk) watcher(t *testing.T) (process string, leave func()) {
	t.Helper()
	w, process := d.process(t)
	must(t, w.Start(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Watch(ctx)
	}()
	left := false
	leave = func() {
		if left {
			return
		}
		left = true
		cancel()
		<-done
		stop(t, w)
	}
	t.Cleanup(leave)
	return process, leave
}

func (d *desk) held(t *testing.T, process string, n int, within time.Duration) {
	t.Helper()
	d.eventually(t, within, fmt.Sprintf("%s has %d mailboxes", process, n), "select count(*) = $2 from mailbox_leases where process = $1", process, n)
}

// Tried: two processes watch; the one that reads the mailbox falls silent, with a poll waiting in its queue; then
// it comes back.
func TestMailboxOfASilentProcessIsTakenOver(t *testing.T) {
	t.Parallel()
	d := watched(t)
	first, _ := d.watcher(t)
	d.held(t, first, 1, 10*time.Second)
	d.idling(t)
	second, _ := d.watcher(t)
	d.eventually(t, 10*time.Second, "both watch", "select count(*) = 2 from watchers")
	hold, err := d.look.Begin(t.Context())
	must(t, err)
	_, err = hold.Exec(t.Context(), "select from watchers where process = $1 for update", first) // it cannot say that it lives
	must(t, err)
	d.exec(t, `insert into river_job (args, kind, queue, max_attempts, state, unique_key, unique_states)
		select args, kind, queue, 1, 'pending', unique_key, unique_states from river_job where kind = 'poll_mailbox' and unique_key is not null limit 1`)
	silent := time.Now()
	d.held(t, second, 1, 10*time.Second)
	t.Logf("taken over after %s", time.Since(silent).Round(100*time.Millisecond))
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "meanwhile", id: unique(), body: "x"})
	d.wantTickets(t, 5*time.Second, 2)
	must(t, hold.Rollback(t.Context()))
	d.eventually(t, 20*time.Second, "the first is back", "select looked_at > now() - interval '2 seconds' from watchers where process = $1", first)
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "afterwards", id: unique(), body: "x"})
	d.wantTickets(t, 5*time.Second, 3)
	d.held(t, second, 1, time.Second)
	d.expect(t, "opened 1", "opened 2", "opened 3")
	if one[bool](t, d, "select exists (select from river_job where kind = 'poll_mailbox' and queue = $1 and attempted_at > $2)", jobs.WatchQueue(first), silent.Add(6*time.Second)) {
		t.Error("the first went on polling")
	}
}

// A process that stops in an orderly way hands its mailboxes over at once; one that joins gets its share.
func TestMailboxesAreSharedAndHandedOver(t *testing.T) {
	t.Parallel()
	d := watched(t)
	for i := range 2 {
		d.addMailbox(t, fmt.Sprintf("m%d@desk.example", i), nil)
	}
	one, leave := d.watcher(t)
	d.held(t, one, 3, 10*time.Second)
	d.idling(t)
	two, _ := d.watcher(t)
	d.held(t, two, 1, 10*time.Second)
	d.held(t, one, 2, time.Second)
	leave()
	left := time.Now()
	d.held(t, two, 3, 3*time.Second)
	t.Logf("handed over after %s", time.Since(left).Round(10*time.Millisecond))
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "second", id: unique(), body: "x"})
	d.wantTickets(t, 5*time.Second, 2)
	d.expect(t, "opened 1", "opened 2")
}

// A mailbox that is paused is nobody's.
func TestPausedMailboxIsNobodys(t *testing.T) {
	t.Parallel()
	d := watched(t)
	process, _ := d.watcher(t)
	d.held(t, process, 1, 10*time.Second)
	yes := true
	d.update(t, mailboxes.Fields{Paused: &yes})
	d.held(t, process, 0, 5*time.Second)
}

// Tried: a mailbox is taken away in the middle of the fetch of an email. What was fetched is not written, the
// connection ends, and no command follows.
func TestReaderThatLostItsMailboxStopsAtOnce(t *testing.T) {
	t.Parallel()
	d := watched(t)
	s := newScript(t, "INBOX")
	d.readThrough(t, s.addr)
	var asked *atomic.Bool
	s.change("INBOX", func(f *scriptFolder) { f.slowness, asked = 4*time.Second, &f.fetched })
	s.show("INBOX", time.Now(), map[uint32]email{1: mailOf("slow")})
	process, _ := d.watcher(t)
	d.held(t, process, 1, 10*time.Second)
	waitFor(t, 10*time.Second, "the email is being fetched", asked.Load)
	d.exec(t, "insert into watchers (process, queue, looked_at) values ('other', 'watch-0', now() + interval '1 hour')")
	d.exec(t, "update mailbox_leases set process = 'other'")
	d.eventually(t, 10*time.Second, "the poll ends without failing", "select state = 'completed' from river_job where kind = 'poll_mailbox' order by id limit 1")
	waitFor(t, 10*time.Second, "no connection is left", func() bool { return s.open() == 0 })
	s.count("")
	d.enqueue(t, pollOf(d)) // and one that is asked for all the same is left to the other
	d.eventually(t, 10*time.Second, "that poll is done, too", "select count(*) = 0 from river_job where kind = 'poll_mailbox' and state not in ('completed')")
	asks := s.count("FETCH BODY") + s.count("UID FETCH BODY") // the comparison with the ledger may list emails
	if n := one[int](t, d, "select count(*) from inbound_emails"); n != 0 || asks != 0 {
		t.Errorf("%d emails were written, %d fetches after the mailbox was lost", n, asks)
	}
	if n := one[int](t, d, "select count(*) from mailbox_folders where failing_since is not null"); n != 0 {
		t.Error("the folder counts as failing")
	}
}

// One process reads, another one routes and sends: neither needs the other's part.
func TestRolesApart(t *testing.T) {
	t.Parallel()
	d := watched(t)
	reads, works := *d, *d
	reads.set.Works, works.set.Watches = false, false
	works.work(t)
	reads.watcher(t)
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "apart", id: unique(), body: "x"})
	d.wantTickets(t, 10*time.Second, 1)
	d.eventually(t, 10*time.Second, "the letters are sent", "select count(*) = 2 from letters where state = 'sent'")
	for kind, n := range map[string]int{"poll_mailbox": 1, "ingest_emails": 1} {
		if got := one[int](t, d, "select count(distinct attempted_by[1]) from river_job where kind = $1 and attempted_by is not null", kind); got != n {
			t.Errorf("%s was worked by %d processes", kind, got)
		}
	}
	if one[bool](t, d, `select exists (select from river_job a join river_job b on a.attempted_by[1] = b.attempted_by[1]
		where a.kind = 'poll_mailbox' and b.kind = 'ingest_emails')`) {
		t.Error("one process did both")
	}
}

// What waits in the queue of a process that died and was forgotten is removed; a living one's stays.
func TestPollsOfForgottenProcessesAreRemoved(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.exec(t, "insert into watchers (process, queue, looked_at) values ('dead', $1, now() - interval '2 hours'), ('alive', $2, now())",
		jobs.WatchQueue("dead"), jobs.WatchQueue("alive"))
	for _, process := range []string{"dead", "alive"} {
		d.enqueue(t, jobs.PollMailbox{MailboxID: uuid.NewString(), Queue: jobs.WatchQueue(process)})
	}
	d.work(t)
	d.eventually(t, 20*time.Second, "the dead one's is gone", "select count(*) = 0 from river_job where queue = $1", jobs.WatchQueue("dead"))
	if n := one[int](t, d, "select count(*) from river_job where queue = $1", jobs.WatchQueue("alive")); n != 1 {
		t.Errorf("%d polls of the living process", n)
	}
}

// Each process is told how many share the connections to mail servers.
func TestHeartCountsTheWorkers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var seen atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	for _, p := range []struct {
		id    string
		roles []string
		tell  func(int)
	}{{"a", []string{"web", "worker"}, func(n int) { seen.Store(int64(n)) }}, {"b", []string{"worker", "watch"}, nil}, {"c", []string{"web"}, nil}} {
		h := worker.NewHeart(d.db, worker.Process{ID: p.id, Roles: p.roles}, p.tell, slog.New(slog.DiscardHandler))
		must(t, h.Start(t.Context()))
		life := t.Context()
		if p.id == "b" {
			life = ctx
		}
		go h.Run(life)
	}
	waitFor(t, 10*time.Second, "two workers are counted", func() bool { return seen.Load() == 2 })
	cancel()
	waitFor(t, 10*time.Second, "one is left", func() bool { return seen.Load() == 1 })
}
