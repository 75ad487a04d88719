package worker

import (
	"context"
	"log/slog"
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

const sqlReturnStrays = `
update river_job set state = 'available', scheduled_at = now()
where state = 'running' and attempted_by[array_upper(attempted_by, 1)] = $1 and attempted_at < now() - $2::interval
    and id <> all($3::bigint[])`

// inHand are the jobs that this process is really working.
type inHand struct {
	river.MiddlewareDefaults
	mu  sync.Mutex
	ids map[int64]bool
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

// returnStrays gives such jobs back, until ctx ends. One that has just ended, and whose end the database could not
// be told, is done a second time: every kind bears that.
func (h *inHand) returnStrays(ctx context.Context, d *db.DB, process string, log *slog.Logger) {
	tick := time.NewTicker(strayEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var returned int64
		brief, cancel := context.WithTimeout(ctx, beatPatience)
		err := d.Bookkeep(brief, "heartbeat", func(tx *db.Tx) error {
			tag, err := tx.Exec(sqlReturnStrays, process, strayAfter, h.list())
			returned = tag.RowsAffected()
			return err
		})
		cancel()
		if err == nil && returned > 0 { // after a failure the next look finds the same
			log.Warn("jobs were given back that this process took without knowing", "jobs", returned)
		}
	}
}
