package worker

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/jobs"
)

type ingestEmails struct {
	river.WorkerDefaults[jobs.IngestEmails]
	inbox *inbox.Service
	slots chan struct{}
}

// Work routes a batch of stored emails.
func (w *ingestEmails) Work(ctx context.Context, job *river.Job[jobs.IngestEmails]) error {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.slots }()
	if job.Attempt == 1 {
		return verdict(w.inbox.IngestFirst(ctx, job.Args.EmailIDs))
	}
	return verdict(w.inbox.Ingest(ctx, job.Args.EmailIDs))
}

// NextRetry is after 1, 2, 4 seconds and so on, at most a minute: the queue's own pauses grow to days, and clients
// would wait for hours after the database had been away for one.
func (w *ingestEmails) NextRetry(job *river.Job[jobs.IngestEmails]) time.Time {
	return time.Now().Add(min(time.Second<<min(job.Attempt-1, 6), time.Minute))
}
