package worker_test

import (
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/faultproxy"
)

// Tried: a job that the queue has as running in a living process, which never heard of it, as when the answer to
// its fetch is lost: of its kind no other would be queued. It is given back and done, while a
// job that the process is really working for as long is left alone.
func TestJobThatItsProcessNeverHeardOfIsGivenBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w, process := d.process(t)
	must(t, w.Start(t.Context()))
	t.Cleanup(func() { stop(t, w) })
	silent := faultproxy.Start(t, dovecot.Addr())
	d.readThrough(t, silent.Addr())
	silent.Pause()
	d.enqueue(t, pollOf(d))
	const sqlOf = `select coalesce((select id from river_job where kind = 'poll_mailbox' and state = 'running' and queue = 'inbound'), 0)`
	var worked int64
	waitFor(t, 20*time.Second, "a poll hangs", func() bool { worked = one[int64](t, d, sqlOf); return worked != 0 })
	d.exec(t, "update river_job set attempted_at = now() - interval '1 minute' where id = $1", worked)

	stray := one[int64](t, d, `insert into river_job (args, kind, queue, max_attempts, attempt, state, attempted_at, attempted_by)
		values ('{}', 'sweep_letters', 'upkeep', 1, 1, 'running', now() - interval '1 minute', array['older', $1]) returning id`, process)
	young := one[int64](t, d, `insert into river_job (args, kind, queue, max_attempts, attempt, state, attempted_at, attempted_by)
		values ('{}', 'sweep_inbox', 'upkeep', 1, 1, 'running', now(), array[$1]) returning id`, process)
	waitFor(t, 10*time.Second, "the job is done", func() bool { return d.state(t, stray) == "completed" })
	if n := one[int](t, d, "select attempt from river_job where id = $1", worked); n != 1 {
		t.Errorf("a job that is being worked was begun %d times", n)
	}
	if got := d.state(t, young); got != "running" {
		t.Errorf("a job whose fetch may still be answered is %s", got)
	}
	silent.Resume()
	waitFor(t, 25*time.Second, "the young one is done too", func() bool { return d.state(t, young) == "completed" })
}
