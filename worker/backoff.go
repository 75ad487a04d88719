package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/oauth"
)

// The pauses after logins that failed: doubled each time, so that a server that comes back is not overrun. One
// that refuses the login or has put a brake on is not asked again at once: that gets accounts locked.
const (
	firstPause  = 5 * time.Second
	lastPause   = 15 * time.Minute
	brakedPause = time.Minute
)

// backoff is when a mailbox may be connected to again.
type backoff struct {
	mu       sync.Mutex
	version  int // of the mailbox: a changed one is another
	failures int
	until    time.Time
}

// left is how long that is; 0: now.
func (b *backoff) left(version int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if version != b.version {
		return 0
	}
	return max(0, time.Until(b.until))
}

// failed notes a failure. Two connections that fail together count once.
func (b *backoff) failed(version int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if version == b.version && now.Before(b.until) && mailbox.RetryAfter(err) == 0 {
		return
	}
	if version < b.version {
		return // of a login that was changed meanwhile
	}
	if version > b.version {
		b.version, b.failures = version, 0
	}
	b.failures++
	b.until = now.Add(pauseAfter(b.failures, err))
}

// worked ends it.
func (b *backoff) worked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.until = 0, time.Time{}
}

// backoff is how long a mailbox is to be left alone.
func (p *postRoom) backoff(ctx context.Context, id uuid.UUID) time.Duration {
	l, err := p.accounts.get(ctx, id)
	if err != nil {
		return 0
	}
	return p.hole(id).backoff.left(l.box.Version)
}

// pauseAfter draws from the upper half of the pause, so that mailboxes of one server do not come back together;
// a pause that the server asked for is kept whole.
func pauseAfter(failures int, err error) time.Duration {
	pause := lastPause
	if doubled := firstPause << min(failures-1, 20); doubled < lastPause {
		pause = doubled
	}
	if errors.Is(err, mailbox.ErrAuth) || errors.Is(err, oauth.ErrSignIn) || errors.Is(err, mailbox.ErrLimit) || errors.Is(err, mailbox.ErrThrottled) {
		pause = max(pause, brakedPause)
	}
	pause = pause/2 + rand.N(pause/2)
	if asked := mailbox.RetryAfter(err); asked > pause {
		pause = asked + rand.N(firstPause)
	}
	return pause
}
