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
	idle     time.Duration
	timeouts Timeouts

	mu     sync.Mutex
	max    int
	lanes  map[Account]*lane
	closed bool
}

// lane is what the pool has for one account; it goes when nothing is left in it.
type lane struct {
	slots       gate       // twice as many as connections: one letter is made ready while another is sent
	connections gate       // in use
	users       int        // letters under way or waiting
	kept        []*session // the latest used last
}

// gate lets so many through at once, those first who wait longest; the pool's lock is held.
type gate struct {
	taken   int
	waiting []chan struct{} // closed when it is their turn
}

func (g *gate) admit(most int) {
	for g.taken < most && len(g.waiting) > 0 {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		g.taken++
	}
}

// queue adds one who waits.
func (g *gate) queue(most int) (turn chan struct{}) {
	turn = make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.admit(most)
	return turn
}

func (g *gate) free(most int) {
	g.taken--
	g.admit(most)
}

// giveUp is of one who waits no longer.
func (g *gate) giveUp(turn chan struct{}, most int) {
	if at := slices.Index(g.waiting, turn); at >= 0 {
		g.waiting = slices.Delete(g.waiting, at, at+1)
		return
	}
	g.free(most) // it was given at the same moment
}

// NewPool makes a pool of at most max connections (at least one) for each
// account. A connection without work closes after idle; 0 keeps none.
func NewPool(max int, idle time.Duration, t Timeouts) *Pool {
	return &Pool{
		max: atLeastOne(max), idle: idle, timeouts: t.withDefaults(),
		lanes: map[Account]*lane{},
	}
}

func atLeastOne(n int) int { return max(1, n) }

// Limit changes the most connections for each account (at least one). Letters
// under way finish; kept connections above it end.
func (p *Pool) Limit(max int) {
	p.mu.Lock()
	p.max = atLeastOne(max)
	var over []*session
	for a, l := range p.lanes {
		l.slots.admit(p.slots())
		l.connections.admit(p.max)
		over = append(over, l.trim(p.max-l.connections.taken)...)
		p.tidy(a, l)
	}
	p.mu.Unlock()
	for _, s := range over {
		s.end()
	}
}

func (p *Pool) connections() int { return p.max }

func (p *Pool) slots() int { return 2 * p.max }

// trim takes out the kept connections beyond so many; the pool's lock is held.
func (l *lane) trim(most int) []*session {
	n := max(0, len(l.kept)-max(0, most))
	over := slices.Clone(l.kept[:n])
	l.kept = slices.Delete(l.kept, 0, n)
	for _, s := range over {
		s.expiry.Stop()
	}
	return over
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
	slot, f := p.reserve(ctx, a)
	if f != nil {
		return f.result(Temporary)
	}
	defer slot.Release()
	return slot.Send(ctx, e, raw)
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
		l = &lane{}
		p.lanes[a] = l
	}
	l.users++
	p.mu.Unlock()
	f := p.pass(ctx, &l.slots, p.slots)
	if f != nil {
		p.mu.Lock()
		p.drop(a, l)
		p.mu.Unlock()
	}
	return l, f
}

// pass waits until the gate lets it through; most is how many it lets through now, asked under the lock.
func (p *Pool) pass(ctx context.Context, g *gate, most func() int) *Failure {
	p.mu.Lock()
	turn := g.queue(most())
	p.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		defer p.mu.Unlock()
		g.giveUp(turn, most())
		return failed(StageConnect, context.Cause(ctx))
	}
}

func (p *Pool) leave(a Account, l *lane, connected bool) {
	p.mu.Lock()
	if connected {
		l.connections.free(p.max)
	}
	l.slots.free(p.slots())
	over := l.trim(p.max) // it may have fallen
	p.drop(a, l)
	p.mu.Unlock()
	for _, s := range over {
		s.end()
	}
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
