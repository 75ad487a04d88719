package worker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// Tried: each failure in a row, a hundred draws of each pause, for each kind of refusal.
func TestPausesDoubleToAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	s := time.Second
	for _, c := range []struct {
		err  error
		want []time.Duration // the longest after each failure; the shortest is its half
	}{
		{mailbox.ErrUnavailable, []time.Duration{5 * s, 10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 320 * s, 640 * s, 900 * s, 900 * s}},
		{mailbox.ErrAuth, []time.Duration{60 * s, 60 * s, 60 * s, 60 * s, 80 * s}},
		{fmt.Errorf("dial: %w", mailbox.ErrLimit), []time.Duration{60 * s}},
	} {
		for i, want := range c.want {
			lowest, highest := time.Hour, time.Duration(0)
			for range 100 {
				p := pauseAfter(i+1, c.err)
				lowest, highest = min(lowest, p), max(highest, p)
			}
			if lowest < want/2 || highest > want || highest-lowest < want/5 {
				t.Errorf("%v, failure %d: from %v to %v, want jitter up to %v", c.err, i+1, lowest, highest, want)
			}
		}
	}
	if p := pauseAfter(1_000_000, nil); p > lastPause || p < lastPause/2 {
		t.Errorf("after a million failures: %v", p)
	}
	asked := errors.New("Suggested Backoff Time: 600000 milliseconds")
	if p := pauseAfter(1, asked); p < 10*time.Minute || p > 10*time.Minute+firstPause {
		t.Errorf("the server asked for ten minutes, and gets %v", p)
	}
}

// Tried: two connections that fail together, a success, and a change of the mailbox.
func TestBackoffEndsWithASuccessOrAChange(t *testing.T) {
	t.Parallel()
	var b backoff
	if b.left(1) != 0 {
		t.Error("a pause before any failure")
	}
	b.failed(1, mailbox.ErrUnavailable)
	b.failed(1, mailbox.ErrUnavailable)
	if left := b.left(1); left <= 0 || left > firstPause || b.failures != 1 {
		t.Errorf("two that failed together: %v, counted %d", left, b.failures)
	}
	if b.left(2) != 0 {
		t.Error("a changed mailbox must be tried at once")
	}
	b.failed(2, mailbox.ErrUnavailable)
	b.until = time.Now()
	b.failed(2, mailbox.ErrUnavailable)
	if b.failures != 2 || b.left(2) > 2*firstPause {
		t.Errorf("of the changed mailbox: %d failures", b.failures)
	}
	b.failed(1, mailbox.ErrAuth)
	if b.failures != 2 || b.left(2) > 2*firstPause {
		t.Error("a failure of the mailbox as it was before counts")
	}
	b.worked()
	if b.left(2) != 0 || b.failures != 0 {
		t.Error("a success must end the pause")
	}
}
