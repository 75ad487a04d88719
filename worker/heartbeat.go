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
	process string
	host    string
	log     *slog.Logger
	steady  time.Time // since when every beat has come through
}

// NewHeart makes the heart of a process. host names what two processes cannot share, such as a data
// folder: whoever starts there knows that the process before it is dead. It may be empty.
func NewHeart(d *db.DB, process, host string, log *slog.Logger) *Heart {
	// Waiting for a place in a pool that slow work has used up would look like death to the others.
	return &Heart{db: d.Reserved(), process: process, host: host, log: log}
}

const sqlForgetPredecessor = `delete from processes where host_key = $1 and host_key <> ''`

const sqlBeat = `
insert into processes (id, host_key) values ($1, $2) on conflict (id) do update set beat_at = now()`

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
		tx.Queue(sqlForgetPredecessor, h.host)
		tx.Queue(sqlBeat, h.process, h.host)
		if h.host != "" {
			tx.Queue(sqlReleaseJobs)
			tx.Queue(sqlReleaseLeader)
		}
		return nil
	})
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
	err := h.say(ctx, sqlBeat, h.process, h.host)
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

// say is one statement in one short transaction.
func (h *Heart) say(ctx context.Context, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, beatPatience)
	defer cancel()
	return h.db.Bookkeep(ctx, "heartbeat", func(tx *db.Tx) error {
		tx.Queue(sql, args...)
		return nil
	})
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
	// Where this fails the others find out by the silence.
	_ = h.say(ctx, sqlLeave, h.process)
}
