package worker_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/worker"
)

// leftRunning marks a poll as being run by a process, as its kill leaves it.
func (d *desk) leftRunning(t *testing.T, process string) (job int64) {
	t.Helper()
	return one[int64](t, d, `insert into river_job (args, kind, queue, max_attempts, attempt, state, attempted_at, attempted_by)
		values (json_build_object('mailbox_id', $1::text), 'poll_mailbox', 'inbound', 1, 1, 'running', now(), array['older', $2]) returning id`,
		d.box.ID, process)
}

func (d *desk) state(t *testing.T, job int64) string {
	t.Helper()
	return one[string](t, d, "select state::text from river_job where id = $1", job)
}

// beat lets a process live until the returned function ends it.
func (d *desk) beat(t *testing.T, process, host string) (leave func()) {
	t.Helper()
	h := worker.NewHeart(d.db, worker.Process{ID: process, Host: host}, nil, slog.New(slog.NewTextHandler(d.log, nil)))
	must(t, h.Start(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Run(ctx)
	}()
	leave = func() {
		cancel()
		<-done
	}
	t.Cleanup(leave)
	return leave
}

// What a killed process was running is given to another one within half a minute and done there; what a
// living one runs is left alone.
func TestJobsOfAKilledProcessAreReleased(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.beat(t, "alive", "")
	d.exec(t, "insert into processes (id, host_key) values ('dead', '')") // its last beat
	mine, lost := d.leftRunning(t, "alive"), d.leftRunning(t, "dead")
	began := time.Now()
	waitFor(t, 30*time.Second, "the dead process's job is released", func() bool { return d.state(t, lost) == "available" })
	t.Logf("after %s", time.Since(began).Round(time.Second))
	if got := d.state(t, mine); got != "running" {
		t.Errorf("the living process's job is %s", got)
	}
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "a", id: unique(), body: "x"})
	d.work(t)
	d.wantTickets(t, 20*time.Second, 1)
	waitFor(t, 20*time.Second, "the released job is completed", func() bool { return d.state(t, lost) == "completed" })
}

// Tried: slow transactions hold every connection of a process for longer than a dead one is waited for, while
// another process watches. The released job of a dead process shows that the watcher was at work meanwhile.
func TestBusyProcessIsNotCalledDead(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	other := *d
	var err error
	if other.db, err = db.Open(t.Context(), d.urls.AppURL, db.Options{AppConns: 2, ClientConns: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.db.Close)
	other.beat(t, "watcher", "")
	d.beat(t, "busy", "")
	mine := d.leftRunning(t, "busy")
	ctx, release := context.WithCancel(t.Context())
	var slow sync.WaitGroup
	for range 8 { // as many as the pool has
		slow.Go(func() {
			_ = d.db.View(ctx, staffActor(), func(*db.View) error { <-ctx.Done(); return nil })
		})
	}
	waitFor(t, 10*time.Second, "the pool is used up", func() bool { return d.db.Pool().Stat().AcquiredConns() == 8 })
	used := time.Now()
	waitFor(t, 20*time.Second, "the busy process was waited for long enough", func() bool { return time.Since(used) > 7*time.Second })
	d.exec(t, "insert into processes (id, host_key) values ('dead', '')") // its last beat
	lost := d.leftRunning(t, "dead")
	waitFor(t, 30*time.Second, "the dead process's job is released", func() bool { return d.state(t, lost) == "available" })
	if got := d.state(t, mine); got != "running" {
		t.Errorf("the busy process's job is %s", got)
	}
	release()
	slow.Wait()
}

// On the same data folder there is one process at a time: a new one need not wait to know that the one
// before it is dead. Other folders' processes are none of its business.
func TestPredecessorsJobsAreReleasedAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.exec(t, "insert into processes (id, host_key) values ('before', '/data'), ('neighbour', '/other'), ('remote', '')")
	d.exec(t, "insert into river_leader (elected_at, expires_at, leader_id, name) values (now(), now() + interval '1 hour', 'before', 'default')")
	mine, theirs, remote := d.leftRunning(t, "before"), d.leftRunning(t, "neighbour"), d.leftRunning(t, "remote")
	h := worker.NewHeart(d.db, worker.Process{ID: "now", Host: "/data"}, nil, slog.New(slog.DiscardHandler))
	must(t, h.Start(t.Context()))
	if a, b, c := d.state(t, mine), d.state(t, theirs), d.state(t, remote); a != "available" || b != "running" || c != "running" {
		t.Errorf("the predecessor's job is %s, the neighbour's %s, the remote one's %s", a, b, c)
	}
	if n := one[int](t, d, "select count(*) from river_leader"); n != 0 {
		t.Error("the dead process still leads")
	}
}

// A process that stops in an orderly way says so: nobody waits for its silence.
func TestLeavingProcessIsForgotten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	leave := d.beat(t, "short", "")
	d.eventually(t, 5*time.Second, "it is known", "select exists (select from processes where id = 'short')")
	leave()
	if one[bool](t, d, "select exists (select from processes where id = 'short')") {
		t.Error("it left and is still counted as living")
	}
}

// After an outage of the database every process has been silent for a while; nobody is called dead for it.
func TestNobodyIsCalledDeadAfterAnOutage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.exec(t, "insert into processes (id, host_key, beat_at) values ('slow', '', now() - interval '1 minute')")
	job := d.leftRunning(t, "slow")
	d.beat(t, "quick", "") // the first that is back
	time.Sleep(4 * time.Second)
	if got := d.state(t, job); got != "running" {
		t.Errorf("the job is %s: the process was called dead after 4 s of watching", got)
	}
}
