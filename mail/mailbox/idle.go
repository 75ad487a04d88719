package mailbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	defaultSlice = 4 * time.Minute
	// maxSlice stays below what routers between forget silent connections
	// after; RFC 2177 3 itself would allow 29 minutes.
	maxSlice = 9 * time.Minute
)

// Idle waits until the server reports emails (true), or until slice is over
// (false); news that came since the last Open, List or Idle counts at once.
// Slice is 4 minutes if not positive, and 9 at most. It fails with ErrNoIdle
// where the server has no IDLE; the session goes on then.
func (s *Session) Idle(ctx context.Context, slice time.Duration) (bool, error) {
	news, err := s.idle(ctx, slice)
	if err != nil {
		return false, fmt.Errorf("mailbox: watch the folder: %w", err)
	}
	return news, nil
}

func (s *Session) idle(ctx context.Context, slice time.Duration) (bool, error) {
	if !s.caps.Has(imap.CapIdle) {
		return false, ErrNoIdle
	}
	if slice <= 0 {
		slice = defaultSlice
	}
	p, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer p.end()

	cmd, err := s.client.Idle() // waits for "+", holding the library's encoder
	if err = s.explain(err); errors.Is(err, ErrRefused) {
		return false, fmt.Errorf("%w: %w", ErrNoIdle, err)
	} else if err != nil {
		return false, err
	}
	p.pause()
	news := s.listen(ctx, min(slice, maxSlice))
	p.grant(s.timeouts.Command)
	p.resume()
	if err := stopIdle(cmd); err != nil {
		return false, s.explain(err)
	}
	if !news && ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return news, nil
}

// listen returns true as soon as there is news, false when the slice, the
// context or the connection ends.
func (s *Session) listen(ctx context.Context, slice time.Duration) bool {
	timer := time.NewTimer(slice)
	defer timer.Stop()
	select {
	case <-s.news:
		return true
	case <-timer.C:
	case <-ctx.Done():
	case <-s.client.Closed():
	}
	return false
}

func stopIdle(cmd *imapclient.IdleCommand) error {
	if err := cmd.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}
