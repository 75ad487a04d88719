package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/limit"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/jobs"
)

type sweepInbox struct {
	river.WorkerDefaults[jobs.SweepInbox]
	inbox *inbox.Service
	log   *slog.Logger
}

// Work finds stored emails that no job is working on.
func (w *sweepInbox) Work(ctx context.Context, _ *river.Job[jobs.SweepInbox]) error {
	n, err := w.inbox.Sweep(db.Unhurried(ctx))
	if n > 0 {
		w.log.Warn("emails were queued again that had lost their job", "emails", n)
	}
	return verdict(err)
}

type sweepLetters struct {
	river.WorkerDefaults[jobs.SweepLetters]
	outbox *outbox.Outbox
	log    *slog.Logger
}

// Work finds due letters that no job is working on.
func (w *sweepLetters) Work(ctx context.Context, _ *river.Job[jobs.SweepLetters]) error {
	n, err := w.outbox.Sweep(db.Unhurried(ctx))
	if n > 0 {
		w.log.Warn("letters were queued again that had lost their job", "letters", n)
	}
	return verdict(err)
}

type purge struct {
	river.WorkerDefaults[jobs.Purge]
	deps Deps
	set  Settings
}

// purgeBatch bounds how many blobs one statement removes.
const purgeBatch = 500

const sqlEnsurePartitions = `select ensure_partitions(3)`

// Work makes the next months' partitions and drops what is no longer kept.
func (w *purge) Work(ctx context.Context, _ *river.Job[jobs.Purge]) error {
	ctx = db.Unhurried(ctx)
	err := w.deps.DB.Bookkeep(ctx, "upkeep", func(tx *db.Tx) error {
		if _, err := tx.Exec(sqlEnsurePartitions); err != nil {
			return err
		}
		return limit.Forget(tx)
	})
	_, letters := w.deps.Outbox.Purge(ctx, w.set.LetterDays)
	_, raw := w.deps.Inbox.PurgeRaw(ctx, w.set.RawEmailDays)
	failures := []error{err, letters, raw, w.deps.DB.ForgetKeys(ctx, 48*time.Hour)}
	for rows := int64(1); rows > 0 && errors.Join(failures...) == nil; {
		var err error
		rows, err = w.deps.Blobs.Collect(ctx, purgeBatch)
		failures = append(failures, err)
	}
	return verdict(errors.Join(failures...))
}
