package outbox

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// gather lets callers share a transaction: whoever comes while one is being written joins the next. A lone
// call is written at once.
type gather[In comparable, Out any] struct {
	write  func(ctx context.Context, in []In) ([]Out, error) // as many results as inputs
	weight func(In) int                                      // bytes that it brings along; nil: none

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
	// gathered bounds a transaction's locks, gatheredBytes what it reads: many small letters or one large.
	gathered      = 50
	gatheredBytes = 32 << 20
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
		out, err := g.attempt(ctx, in)
		cancel()
		for i, c := range batch {
			if c.err = err; err == nil {
				c.out = out[i]
			}
			close(c.done)
		}
	}
}

// attempt makes a panic the error of its batch: nobody above would catch it, and the whole process would end.
func (g *gather[In, Out]) attempt(ctx context.Context, in []In) (out []Out, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return g.write(ctx, in)
}

func (g *gather[In, Out]) next() []*caller[In, Out] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.fitting()
	batch := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.writing = n > 0
	return batch
}

// fitting is how many of those who wait go into one transaction; the lock is held.
func (g *gather[In, Out]) fitting() int {
	n := min(len(g.waiting), gathered)
	if g.weight == nil {
		return n
	}
	bytes := 0
	for i, c := range g.waiting[:n] {
		if bytes += g.weight(c.in); i > 0 && bytes > gatheredBytes {
			return i
		}
	}
	return n
}
