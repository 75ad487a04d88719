package worker

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/postern-desk/postern/internal/metrics"
	"github.com/postern-desk/postern/jobs"
)

// measure counts and times every job.
type measure struct {
	river.MiddlewareDefaults
	metrics *metrics.Process
}

// Work is the queue's call around each job.
func (m measure) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	began, outcome := time.Now(), "panicked"
	defer func() { m.metrics.Job(job.Kind, outcome, time.Since(began)) }()
	err := work(ctx)
	switch {
	case err == nil:
		outcome = "done"
	case errors.As(err, new(*river.JobSnoozeError)):
		outcome = "snoozed"
	case errors.As(err, new(*river.JobCancelError)):
		outcome = "cancelled"
	default:
		outcome = "failed"
	}
	var poll jobs.PollMailbox
	if job.Kind == poll.Kind() && (outcome == "done" || outcome == "snoozed") && json.Unmarshal(job.EncodedArgs, &poll) == nil {
		m.metrics.Polled(poll.MailboxID)
	}
	return err
}
