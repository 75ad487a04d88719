package smtp

import (
	"context"
	"io"
)

// Slot is the place of one letter among those under way for an account: one for each connection that it may have, and
// as many that are made ready meanwhile.
type Slot struct {
	pool      *Pool
	account   Account
	lane      *lane
	connected bool // it has the use of a connection
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
	return &Slot{pool: p, account: a, lane: l}, nil
}

// Release gives the slot to the next one. A second call does nothing, nor does one of nil.
func (s *Slot) Release() {
	if s != nil && s.lane != nil {
		s.pool.leave(s.account, s.lane, s.connected)
		s.lane = nil
	}
}

// Turn waits until the letter may use a connection, which Send does too. An error is a *Failure: ctx ended.
func (s *Slot) Turn(ctx context.Context) error {
	if f := s.turn(ctx); f != nil {
		return f
	}
	return nil
}

func (s *Slot) turn(ctx context.Context) *Failure {
	if !s.connected {
		if f := s.pool.pass(ctx, &s.lane.connections, s.pool.connections); f != nil {
			return f
		}
		s.connected = true
	}
	if ctx.Err() != nil { // no server has to hear of it
		return failed(StageConnect, context.Cause(ctx))
	}
	return nil
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
	if f := s.turn(ctx); f != nil {
		return f.result(Temporary)
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
