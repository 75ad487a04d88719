package smtp

import (
	"context"
	"io"
)

// Slot is the place of one letter among the connections that an account may have.
type Slot struct {
	pool    *Pool
	account Account
	lane    *lane
}

// Reserve waits for a slot; what it returns must be released. What a letter needs for as long as it is under way
// can so be held no longer than that. An error is a *Failure: ctx ended, or the pool is closed.
func (p *Pool) Reserve(ctx context.Context, a Account) (*Slot, error) {
	slot, f := p.reserve(ctx, a)
	if f != nil {
		return nil, f
	}
	return slot, nil
}

func (p *Pool) reserve(ctx context.Context, a Account) (*Slot, *Failure) {
	l, f := p.enter(ctx, a)
	if f != nil {
		return nil, f
	}
	return &Slot{p, a, l}, nil
}

// Release gives the slot to the next one. A second call does nothing, nor does one of nil.
func (s *Slot) Release() {
	if s != nil && s.lane != nil {
		s.pool.leave(s.account, s.lane)
		s.lane = nil
	}
}

// Send is Pool.Send over this slot.
func (s *Slot) Send(ctx context.Context, e Envelope, raw io.Reader) Result {
	r, f := newRoute(e)
	if f != nil {
		return f.result(Permanent)
	}
	if len(r.to) == 0 {
		return allRefused(r.rejected)
	}
	if k := s.pool.take(s.lane); k != nil {
		res, dead := k.send(ctx, r, raw)
		s.pool.keep(s.account, s.lane, k)
		if !dead || ctx.Err() != nil {
			return res
		}
	}
	fresh, f := open(ctx, s.account, s.pool.timeouts)
	if f != nil {
		return f.result(f.outcome())
	}
	res, _ := fresh.send(ctx, r, raw)
	s.pool.keep(s.account, s.lane, fresh)
	return res
}
