package smtp

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// ErrClosed is the reason of every Send after Close.
var ErrClosed = errors.New("the pool is closed")

// Pool keeps connections open between letters. It is safe for concurrent use.
type Pool struct {
	max      int
	idle     time.Duration
	timeouts Timeouts

	mu     sync.Mutex
	lanes  map[Account]*lane
	closed bool
}

// lane is what the pool has for one account; it goes when nothing is left in it.
type lane struct {
	slots chan struct{} // one for each letter under way
	users int           // letters under way or waiting for a slot
	kept  []*session    // the latest used last
}

// NewPool makes a pool of at most max connections (at least one) for each
// account. A connection without work closes after idle; 0 keeps none.
func NewPool(max int, idle time.Duration, t Timeouts) *Pool {
	if max < 1 {
		max = 1
	}
	return &Pool{
		max: max, idle: idle, timeouts: t.withDefaults(),
		lanes: map[Account]*lane{},
	}
}

// Send hands over one letter: raw is read once, after the server agreed to take
// it, and arrives as it is, with CRLF for bare LF. When ctx ends before the
// letter is out whole, nobody gets it (Temporary); after that ctx only shortens
// the wait for the reply to Timeouts.Grace.
//
// A kept connection that died is replaced once, before anything was sent; after
// the final dot nothing is ever sent again. Some recipients refused: the others
// get it, Outcome is Accepted. All refused: Permanent only if all are. Refusals
// of the account (login, greeting) are Temporary whatever their code.
func (p *Pool) Send(ctx context.Context, a Account, e Envelope, raw io.Reader) Result {
	r, f := newRoute(e)
	if f != nil {
		return f.result(Permanent)
	}
	if len(r.to) == 0 {
		return allRefused(r.rejected)
	}
	l, f := p.enter(ctx, a)
	if f != nil {
		return f.result(Temporary)
	}
	defer p.leave(a, l)
	if s := p.take(l); s != nil {
		res, dead := s.send(ctx, r, raw)
		p.keep(a, l, s)
		if !dead || ctx.Err() != nil {
			return res
		}
	}
	s, f := open(ctx, a, p.timeouts)
	if f != nil {
		return f.result(f.outcome())
	}
	res, _ := s.send(ctx, r, raw)
	p.keep(a, l, s)
	return res
}

// Check connects, logs in and leaves. An error is a *Failure.
func (p *Pool) Check(ctx context.Context, a Account) error {
	s, f := open(ctx, a, p.timeouts)
	if f != nil {
		return f
	}
	s.end()
	return nil
}

// Close ends the kept connections. Letters under way finish first.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	var kept []*session
	for _, l := range p.lanes {
		kept = append(kept, l.kept...)
		l.kept = nil
	}
	p.mu.Unlock()
	for _, s := range kept {
		s.expiry.Stop()
		s.end()
	}
}

// enter waits for a slot in the account's lane.
func (p *Pool) enter(ctx context.Context, a Account) (*lane, *Failure) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, failed(StageConnect, ErrClosed)
	}
	l := p.lanes[a]
	if l == nil {
		l = &lane{slots: make(chan struct{}, p.max)}
		p.lanes[a] = l
	}
	l.users++
	p.mu.Unlock()
	select {
	case l.slots <- struct{}{}:
		return l, nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		p.drop(a, l)
		return nil, failed(StageConnect, context.Cause(ctx))
	}
}

func (p *Pool) leave(a Account, l *lane) {
	<-l.slots
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(a, l)
}

// drop counts one user less; p.mu is held.
func (p *Pool) drop(a Account, l *lane) {
	l.users--
	p.tidy(a, l)
}

// tidy forgets an empty lane; p.mu is held.
func (p *Pool) tidy(a Account, l *lane) {
	if l.users == 0 && len(l.kept) == 0 {
		delete(p.lanes, a)
	}
}

// take returns the kept connection that was used last, or nil.
func (p *Pool) take(l *lane) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(l.kept)
	if n == 0 {
		return nil
	}
	s := l.kept[n-1]
	l.kept = l.kept[:n-1]
	s.expiry.Stop()
	return s
}

// keep puts a connection back, unless it is of no more use.
func (p *Pool) keep(a Account, l *lane, s *session) {
	// Words that nobody asked for would be read as the next reply.
	if s.broken || s.Text.R.Buffered() > 0 {
		_ = s.wire.Close()
		return
	}
	p.mu.Lock()
	if p.closed || p.idle <= 0 {
		p.mu.Unlock()
		s.end()
		return
	}
	l.kept = append(l.kept, s)
	s.expiry = time.AfterFunc(p.idle, func() { p.expire(a, l, s) })
	p.mu.Unlock()
}

// expire closes a connection that found no work, unless it was just taken.
func (p *Pool) expire(a Account, l *lane, s *session) {
	p.mu.Lock()
	at := slices.Index(l.kept, s)
	if at >= 0 {
		l.kept = slices.Delete(l.kept, at, at+1)
	}
	p.tidy(a, l)
	p.mu.Unlock()
	if at >= 0 {
		s.end()
	}
}
