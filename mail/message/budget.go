package message

import "time"

// budget measures the time that parsing takes, without what others take meanwhile.
type budget struct {
	limit  time.Duration
	start  time.Time
	paused time.Duration
}

func (b *budget) expired() bool {
	return b.limit > 0 && time.Since(b.start)-b.paused > b.limit
}

// outside runs fn off the clock.
func (b *budget) outside(fn func() error) error {
	begin := time.Now()
	defer func() { b.paused += time.Since(begin) }()
	return fn()
}
