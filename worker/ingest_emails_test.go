package worker

import (
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/postern-desk/postern/jobs"
)

// Tried: the first attempts, the hundredth and the last.
func TestRoutingIsTriedAgainWithinAMinute(t *testing.T) {
	t.Parallel()
	var w river.Worker[jobs.IngestEmails] = &ingestEmails{}
	for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 7: time.Minute, 100: time.Minute, 1000: time.Minute} {
		next := w.NextRetry(&river.Job[jobs.IngestEmails]{JobRow: &rivertype.JobRow{Attempt: attempt}})
		if got := time.Until(next).Round(time.Second); got != want {
			t.Errorf("after attempt %d: %v, want %v", attempt, got, want)
		}
	}
}
