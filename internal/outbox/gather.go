package outbox

import (
	"context"
	"slices"
	"sync"
	"time"
)

// gather lets callers share a transaction: whoever comes while one is being written joins the next. A lone
// call is written at once.
type gather[In comparable, Out any] struct {
	write func(ctx context.Context, in []In) ([]Out, error) // as many results as inputs

	mu      sync.Mutex
	waiting []*caller[In, Out]
	writing bool
}

type caller[In comparable, Out any] struct {
	in   In
	out  Out
	err  error
	done chan struct{}
}

const (
	// gathered bounds a transaction: its locks, and the letters' bytes that it reads.
	gathered = 50
	// gatherPatience bounds it in time: it belongs to none of its callers, so their contexts do not.
	gatherPatience = 20 * time.Second
)

// do waits until `in` was written. It leaves with ctx only before the writing began: what was written must be
// known to its caller.
func (g *gather[In, Out]) do(ctx context.Context, in In) (Out, error) {
	c := &caller[In, Out]{in: in, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, c)
	if !g.writing {
		g.writing = true
		go g.run()
	}
	g.mu.Unlock()
	select {
	case <-c.done:
	case <-ctx.Done():
		if g.withdraw(c) {
			return c.out, ctx.Err()
		}
		<-c.done
	}
	return c.out, c.err
}

func (g *gather[In, Out]) withdraw(c *caller[In, Out]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting, c)
	if at >= 0 {
		g.waiting = slices.Delete(g.waiting, at, at+1)
	}
	return at >= 0
}

// run writes until nobody waits.
func (g *gather[In, Out]) run() {
	for batch := g.next(); len(batch) > 0; batch = g.next() {
		in := make([]In, len(batch))
		for i, c := range batch {
			in[i] = c.in
		}
		ctx, cancel := context.WithTimeout(context.Background(), gatherPatience)
		out, err := g.write(ctx, in)
		cancel()
		for i, c := range batch {
			if c.err = err; err == nil {
				c.out = out[i]
			}
			close(c.done)
		}
	}
}

func (g *gather[In, Out]) next() []*caller[In, Out] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), gathered)
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.writing = n > 0
	return batch
}
