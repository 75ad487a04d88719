package worker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/postern-desk/postern/internal/db"
)

// A job that this process took and never heard that it has it, since the answer to the fetch was lost with its
// connection or came while the process was frozen, is running in the queue's books and nowhere else. Nobody else
// may take it while this process lives, and where there is one such job at a time no other is asked for: a mailbox
// would not be read until the queue's own rescue.
const (
	// strayAfter is longer than the queue waits for the answer to a fetch (10 s).
	strayAfter = 15 * time.Second
	strayEvery = 2 * time.Second
)

const (
	sqlStrays = `
select id from river_job
where state = 'running' and attempted_by[array_upper(attempted_by, 1)] = $1 and attempted_at < now() - $2::interval
    and id <> all($3::bigint[])`

	sqlReturnStrays = `
update river_job set state = 'available', scheduled_at = now() where id in (` + sqlStrays + ` and id = any($4::bigint[]))`
)

// inHand are the jobs that this process is really working.
type inHand struct {
	river.MiddlewareDefaults
	mu      sync.Mutex
	ids     map[int64]bool
	suspect []int64 // what the last look took for strays
}

var _ rivertype.WorkerMiddleware = (*inHand)(nil)

// Work notes the job for as long as it is worked.
func (h *inHand) Work(ctx context.Context, job *rivertype.JobRow, do func(context.Context) error) error {
	h.note(job.ID, true)
	defer h.note(job.ID, false)
	return do(ctx)
}

func (h *inHand) note(id int64, has bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids == nil {
		h.ids = map[int64]bool{}
	}
	if h.ids[id] = has; !has {
		delete(h.ids, id)
	}
}

func (h *inHand) list() []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]int64, 0, len(h.ids))
	for id := range h.ids {
		ids = append(ids, id)
	}
	return ids
}

// returnStrays gives such jobs back, until ctx ends. One whose end the database could not be told is done a second
// time: every kind bears that.
func (h *inHand) returnStrays(ctx context.Context, d *db.DB, process string, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(strayEvery): // no ticker: after a freeze its next tick may come at once
		}
		brief, cancel := context.WithTimeout(ctx, beatPatience)
		returned, err := h.look(brief, d, process)
		cancel()
		if err == nil && returned > 0 { // after a failure the next look finds the same
			log.Warn("jobs were given back that this process took without knowing", "jobs", returned)
		}
	}
}

// look gives back what the look before found as well. One look is not enough: a process that was frozen may get the
// answer to its fetch at the same moment, and a letter that it begins to send would be sent by a second job too; and
// the end of a job is told a moment after it.
func (h *inHand) look(ctx context.Context, d *db.DB, process string) (returned int64, err error) {
	before, mine := h.suspect, h.list()
	var found []int64
	err = d.Bookkeep(ctx, "heartbeat", func(tx *db.Tx) (err error) {
		if found, err = db.Column[int64](tx, sqlStrays, process, strayAfter, mine); err != nil {
			return err
		}
		again := slices.DeleteFunc(slices.Clone(found), func(id int64) bool { return !slices.Contains(before, id) })
		if len(again) == 0 {
			return db.NoChange
		}
		tag, err := tx.Exec(sqlReturnStrays, process, strayAfter, mine, again)
		returned = tag.RowsAffected()
		return err
	})
	h.suspect = found
	return returned, err
}
