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
	"github.com/postern-desk/postern/internal/tickets"
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

const (
	// purgeBatch bounds how many rows one commit removes.
	purgeBatch = 1000
	// purgeSlice is how long one run goes on before it makes way and is queued again.
	purgeSlice = jobs.Longest / 2
)

const sqlEnsurePartitions = `select ensure_partitions(3)`

// Work makes the next months' partitions and drops what is no longer kept, until nothing of it is left. One
// thing that cannot be purged does not keep the others.
func (w *purge) Work(ctx context.Context, _ *river.Job[jobs.Purge]) error {
	ctx, until := db.Unhurried(ctx), time.Now().Add(purgeSlice)
	failures := []error{w.deps.DB.Bookkeep(ctx, "upkeep", func(tx *db.Tx) error {
		if _, err := tx.Exec(sqlEnsurePartitions); err != nil {
			return err
		}
		forgetWatchers(tx)
		return limit.Forget(tx)
	})}
	for _, step := range w.steps(ctx) {
		for rows, err := int64(purgeBatch), error(nil); rows == purgeBatch && err == nil; {
			if time.Now().After(until) {
				return goOn(errors.Join(failures...))
			}
			rows, err = step()
			failures = append(failures, err)
		}
	}
	_, err := w.deps.Blobs.Collect(ctx, purgeBatch)
	return verdict(errors.Join(append(failures, err)...))
}

// goOn has the rest done by the next run, unless something failed, which the queue tries again anyway.
func goOn(failure error) error {
	if failure != nil {
		return verdict(failure)
	}
	return river.JobSnooze(time.Second)
}

// steps remove a batch each, and say how many rows it had. What has no period is kept.
func (w *purge) steps(ctx context.Context) (steps []func() (int64, error)) {
	keep := w.set.Keep
	add := func(limited bool, step func() (int64, error)) {
		if limited {
			steps = append(steps, step)
		}
	}
	add(keep.LetterDays > 0, func() (int64, error) { return w.deps.Outbox.Purge(ctx, keep.LetterDays, purgeBatch) })
	add(keep.RawEmailDays > 0, func() (int64, error) { return w.deps.Inbox.PurgeRaw(ctx, keep.RawEmailDays, purgeBatch) })
	add(keep.Keys > 0, func() (int64, error) { return w.deps.DB.ForgetKeys(ctx, keep.Keys, purgeBatch) })
	add(keep.AwaitedDays > 0, func() (rows int64, err error) {
		err = w.deps.DB.Bookkeep(ctx, "upkeep", func(tx *db.Tx) (err error) {
			rows, err = tickets.ForgetAwaited(tx, keep.AwaitedDays, purgeBatch)
			return err
		})
		return rows, err
	})
	return steps
}
