package worker

import (
	"context"

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
	return verdict(w.inbox.Ingest(ctx, job.Args.EmailIDs))
}
