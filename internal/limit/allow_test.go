package limit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/limit"
	"github.com/postern-desk/postern/internal/testdb"
)

func open(t *testing.T) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), testdb.New(t).AppURL, db.Options{AppConns: 4, ClientConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func allow(t *testing.T, d *db.DB, key string, n int, window time.Duration) time.Duration {
	t.Helper()
	wait, err := limit.Allow(t.Context(), d, key, n, window)
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

func TestAllowTellsWhenTheWindowEnds(t *testing.T) {
	t.Parallel()
	d := open(t)
	for range 3 {
		if wait := allow(t, d, "a", 3, time.Hour); wait != 0 {
			t.Errorf("refused within the limit for %s", wait)
		}
	}
	for range 2 {
		if wait := allow(t, d, "a", 3, time.Hour); wait < 59*time.Minute || wait > time.Hour {
			t.Errorf("the fourth use waits %s", wait)
		}
	}
	if wait := allow(t, d, "b", 3, time.Hour); wait != 0 {
		t.Errorf("another key waits %s", wait)
	}
}

func TestAllowBeginsAnewAfterTheWindow(t *testing.T) {
	t.Parallel()
	d := open(t)
	allow(t, d, "a", 1, time.Second)
	if wait := allow(t, d, "a", 1, time.Second); wait != time.Second {
		t.Errorf("the second use waits %s; the least is a second", wait)
	}
	time.Sleep(1100 * time.Millisecond)
	if wait := allow(t, d, "a", 1, time.Second); wait != 0 {
		t.Errorf("in a new window it waits %s", wait)
	}
}

// TestAllowCountsEveryUseOnce uses a key from many goroutines at once.
func TestAllowCountsEveryUseOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if wait, err := limit.Allow(context.Background(), d, "a", 10, time.Hour); err == nil && wait == 0 {
				allowed.Add(1)
			}
		})
	}
	all.Wait()
	if n := allowed.Load(); n != 10 {
		t.Errorf("%d of 40 uses were allowed, want 10", n)
	}
}
