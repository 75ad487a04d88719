package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/postern-desk/postern/internal/db"
)

// The rhythm of the heartbeat. What a process was running that is silent for deadAfter is released.
const (
	beatEvery = time.Second
	deadAfter = 5 * time.Second
)

// Heart tells the other processes that this one lives and releases the jobs of dead ones. The queue's own
// rescue has to wait for the longest job there may be; this does not.
type Heart struct {
	db      *db.DB
	process Process
	log     *slog.Logger
	steady  time.Time // since when every beat has come through
	onBeat  func(workers int)
}

// Process is what the others are told of this one. Host names what two processes cannot share, such as a data
// folder: whoever starts there knows that the process before it is dead. It may be empty.
type Process struct {
	ID    string
	Host  string
	Roles []string
}

// roleWorker is the role of the processes that share the connections to mail servers.
const roleWorker = "worker"

// NewHeart makes the heart of a process. onBeat, where it is not nil, is told after each beat how many living
// processes work the queues, at least one.
func NewHeart(d *db.DB, p Process, onBeat func(workers int), log *slog.Logger) *Heart {
	if onBeat == nil {
		onBeat = func(int) {}
	}
	// Waiting for a place in a pool that slow work has used up would look like death to the others.
	return &Heart{db: d.Reserved(), process: p, onBeat: onBeat, log: log}
}

// What the predecessor watched is free at once, too.
const sqlForgetWatcher = `
delete from watchers where process in (select id from processes where host_key = $1 and host_key <> '')`

const sqlForgetPredecessor = `delete from processes where host_key = $1 and host_key <> ''`

const sqlBeat = `
insert into processes (id, host_key, roles) values ($1, $2, coalesce($3::text[], '{}')) on conflict (id) do update set beat_at = now()`

const sqlWorkers = `select count(*) from processes where $1 = any(roles) and beat_at >= now() - $2::interval`

const sqlForgetDead = `delete from processes where beat_at < now() - $1::interval`

// A job's last entry of attempted_by is who runs it.
const sqlReleaseJobs = `
update river_job j set state = 'available', scheduled_at = now()
where state = 'running' and not exists (
    select from processes p where p.id = j.attempted_by[array_upper(j.attempted_by, 1)])`

const sqlReleaseLeader = `delete from river_leader where not exists (select from processes p where p.id = leader_id)`

// Start beats once, so that nobody takes this process's jobs, and releases at once what its predecessor
// at the same place was running.
func (h *Heart) Start(ctx context.Context) error {
	return h.db.Bookkeep(ctx, "heartbeat", func(tx *db.Tx) error {
		tx.Queue(sqlForgetWatcher, h.process.Host)
		tx.Queue(sqlForgetPredecessor, h.process.Host)
		h.queueBeat(tx)
		if h.process.Host != "" {
			tx.Queue(sqlReleaseJobs)
			tx.Queue(sqlReleaseLeader)
		}
		return nil
	})
}

func (h *Heart) queueBeat(tx *db.Tx) {
	tx.Queue(sqlBeat, h.process.ID, h.process.Host, h.process.Roles)
}

// Run beats until ctx ends, and then takes its leave.
func (h *Heart) Run(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	h.steady = time.Now()
	for {
		select {
		case <-ctx.Done():
			h.leave(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			h.beat(ctx)
		}
	}
}

// beat says that this process lives, and then looks at the others: a look that waits for a job's lock must not
// hold the next beat back.
func (h *Heart) beat(ctx context.Context) {
	began := time.Now()
	err := h.say(ctx)
	// After an outage of the database nobody has beaten for a while: only a process that has
	// watched the others the whole time may call one dead.
	if err == nil && began.Sub(h.steady) >= 2*deadAfter {
		err = h.release(ctx)
	}
	if err != nil || time.Since(began) > 2*beatEvery {
		h.steady = time.Now()
	}
}

// beatPatience gives up a connection that hangs soon enough for another beat to come through in time.
const beatPatience = 2 * beatEvery

// say is one beat, in one short transaction.
func (h *Heart) say(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatPatience)
	defer cancel()
	var workers int
	err := h.db.Bookkeep(ctx, "heartbeat", func(tx *db.Tx) error {
		h.queueBeat(tx)
		return tx.QueryRow(sqlWorkers, roleWorker, deadAfter).Scan(&workers)
	})
	if err == nil {
		h.onBeat(max(1, workers))
	}
	return err
}

// release gives the jobs of dead processes to the living.
func (h *Heart) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatPatience)
	defer cancel()
	var released int64
	err := h.db.Bookkeep(ctx, "heartbeat", func(tx *db.Tx) error {
		tx.Queue(sqlForgetDead, deadAfter)
		tag, err := tx.Exec(sqlReleaseJobs)
		released = tag.RowsAffected()
		tx.Queue(sqlReleaseLeader)
		return err
	})
	if err == nil && released > 0 {
		h.log.Warn("jobs of a dead process were released", "jobs", released)
	}
	return err
}

const sqlLeave = `delete from processes where id = $1`

func (h *Heart) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beatPatience)
	defer cancel()
	// Where this fails the others find out by the silence.
	_ = h.db.Bookkeep(ctx, "heartbeat", func(tx *db.Tx) error {
		tx.Queue(sqlLeave, h.process.ID)
		return nil
	})
}
