package outbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// scribe is a gather whose transactions the test ends.
type scribe struct {
	gather[int, int]
	begun chan []int
	end   chan error
}

func newScribe() *scribe {
	s := &scribe{begun: make(chan []int), end: make(chan error)}
	s.write = func(_ context.Context, in []int) ([]int, error) {
		s.begun <- in
		out := make([]int, len(in))
		for i, n := range in {
			out[i] = -n
		}
		return out, <-s.end
	}
	return s
}

// queued waits until so many callers wait for the next transaction.
func (s *scribe) queued(t *testing.T, n int) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		have := len(s.waiting)
		s.mu.Unlock()
		if have == n {
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%d callers wait, want %d", have, n)
		}
	}
}

// Tried: one caller alone, 120 more while it is served, one of whom leaves, and a failure of a whole batch.
func TestCallersShareTheNextTransaction(t *testing.T) {
	t.Parallel()
	s := newScribe()
	results := make(chan error, 200)
	call := func(ctx context.Context, n int) {
		out, err := s.do(ctx, n)
		if err == nil && out != -n {
			t.Errorf("%d got the result of %d", n, -out)
		}
		results <- err
	}
	go call(t.Context(), 1)
	if first := <-s.begun; len(first) != 1 {
		t.Fatalf("a lone call was written with %v", first)
	}
	for n := range 120 {
		go call(t.Context(), n+2)
	}
	s.queued(t, 120)
	leaving, leave := context.WithCancel(t.Context())
	go call(leaving, 1000)
	s.queued(t, 121)
	leave()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("who left was told %v", err)
	}
	s.end <- nil
	broken := errors.New("broken")
	for i, want := range []int{gathered, gathered, 20} {
		if batch := <-s.begun; len(batch) != want {
			t.Errorf("batch %d has %d callers, want %d", i, len(batch), want)
		}
		s.end <- map[bool]error{true: broken}[i == 1]
	}
	failed := 0
	for range 121 {
		if err := <-results; errors.Is(err, broken) {
			failed++
		} else if err != nil {
			t.Error(err)
		}
	}
	if failed != gathered {
		t.Errorf("%d callers were told of the failed batch", failed)
	}
	go call(t.Context(), 7)
	<-s.begun
	s.end <- nil
	if err := <-results; err != nil {
		t.Errorf("after the rush: %v", err)
	}
}

// Tried: the context ends while the caller's transaction is being written. It may be committed already, so the
// caller waits for the word.
func TestCallerInWritingIsToldTheOutcome(t *testing.T) {
	t.Parallel()
	s := newScribe()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan int)
	go func() {
		out, err := s.do(ctx, 5)
		if err != nil {
			t.Error(err)
		}
		result <- out
	}()
	<-s.begun
	cancel()
	select {
	case out := <-result:
		t.Errorf("told %d before it was written", out)
	case <-time.After(50 * time.Millisecond):
	}
	s.end <- nil
	if out := <-result; out != -5 {
		t.Errorf("told %d", out)
	}
}

// Tried: the writing of a batch panics. Its callers are told, and the next one is served.
func TestPanicIsTheErrorOfItsBatch(t *testing.T) {
	t.Parallel()
	var calls int
	g := &gather[int, int]{write: func(_ context.Context, in []int) ([]int, error) {
		if calls++; calls == 1 {
			panic("out of step")
		}
		return in, nil
	}}
	if _, err := g.do(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "out of step") || !strings.Contains(err.Error(), "gather_test.go") {
		t.Errorf("told %v", err)
	}
	if out, err := g.do(t.Context(), 2); out != 2 || err != nil {
		t.Errorf("the next one: %d, %v", out, err)
	}
}

// Tried: large and small ones that wait together; one that is larger than a whole batch may be.
func TestBatchIsBoundInBytes(t *testing.T) {
	t.Parallel()
	s := newScribe()
	s.weight = func(n int) int { return n }
	results := make(chan error, 20)
	call := func(n int) {
		_, err := s.do(t.Context(), n)
		results <- err
	}
	go call(1)
	<-s.begun
	const half = gatheredBytes / 2
	for i, n := range []int{half, half, 1, 3 * half, 1, half} {
		go call(n)
		s.queued(t, i+1)
	}
	s.end <- nil
	for i, want := range [][]int{{half, half}, {1}, {3 * half}, {1, half}} {
		if batch := <-s.begun; !slices.Equal(batch, want) {
			t.Errorf("batch %d is %v, want %v", i, batch, want)
		}
		s.end <- nil
	}
	for range 7 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
