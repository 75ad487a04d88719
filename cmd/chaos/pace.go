package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// pace watches that the desk goes on while one of its processes is down: whenever emails wait to be accepted, or
// accepted ones to be routed, some are before long.
type pace struct {
	stop    context.CancelFunc
	watched sync.WaitGroup

	mu      sync.Mutex
	since   [2]time.Time // an email was accepted, and one was routed, or none waited
	last    [2]int       // how many there were
	longest [2]time.Duration
}

const sqlPace = `
select count(*)::int as accepted, count(disposition)::int as routed from inbound_emails`

type progress struct {
	Accepted int `db:"accepted"`
	Routed   int `db:"routed"`
}

// begin watches until end. Where promised is set, standing still for longer than a lease may be nobody's is told
// as a fault.
func (p *pace) begin(ctx context.Context, s *splitter, promised bool) {
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	p.watched.Go(func() {
		for ; ctx.Err() == nil; sleep(ctx, 200*time.Millisecond) {
			owed, done, ok := p.look(ctx, s)
			if still := p.step(time.Now(), owed, done, ok); promised && still > movesWithin {
				s.tell(fmt.Errorf("%d emails of %d accepted, %d routed, and nothing went on for %s: %w", done[0], owed[0], done[1], movesWithin, errWrong))
				return
			}
		}
	})
}

// step takes one look into account and returns for how long one of the two steps has stood still.
func (p *pace) step(now time.Time, owed, done [2]int, ok bool) (longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range owed {
		if !ok || done[i] >= owed[i] || done[i] != p.last[i] { // who cannot look knows nothing
			p.since[i], p.last[i] = now, done[i]
		}
		still := now.Sub(p.since[i])
		p.longest[i], longest = max(p.longest[i], still), max(longest, still)
	}
	return longest
}

// look is how many emails are owed to each of the two steps, and how many it has done.
func (p *pace) look(ctx context.Context, s *splitter) (owed, done [2]int, ok bool) {
	d, err := s.program.life()
	if err != nil {
		return owed, done, false
	}
	got, _, err := waiting(d)
	if err != nil {
		return owed, done, false
	}
	rows, err := rowsOf[progress](ctx, d.DatabaseURL, sqlPace)
	if err != nil {
		return owed, done, false
	}
	return [2]int{got, rows[0].Accepted}, [2]int{rows[0].Accepted, rows[0].Routed}, true
}

func (p *pace) end() {
	if p.stop != nil {
		p.stop()
		p.watched.Wait()
	}
}

func (p *pace) report(out io.Writer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(out, "longest time in which no waiting email was accepted %.1f s, routed %.1f s\n", p.longest[0].Seconds(), p.longest[1].Seconds())
}
