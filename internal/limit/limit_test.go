package limit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/testdb"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func open(t testing.TB) (*db.DB, *testdb.DB) {
	t.Helper()
	test := testdb.New(t)
	d, err := db.Open(context.Background(), test.AppURL, db.Options{AppConns: 16})
	must(t, err)
	t.Cleanup(d.Close)
	return d, test
}

func take(d *db.DB, ctx context.Context, window time.Duration, takes map[string]int) (before map[string]int, err error) {
	err = d.Bookkeep(ctx, "test", func(tx *db.Tx) error {
		before, err = Take(tx, window, takes)
		return err
	})
	return before, err
}

// Tried: counters that begin, go on within their window, and begin again after it; several at once.
func TestWindowBeginsWithItsFirstUse(t *testing.T) {
	t.Parallel()
	d, test := open(t)
	const window = 10 * time.Minute
	for i, c := range []struct {
		age   string // of every window, before the step
		takes map[string]int
		want  map[string]int
	}{
		{"0", map[string]int{"a": 1}, map[string]int{"a": 0}},
		{"0", map[string]int{"a": 3, "b": 2}, map[string]int{"a": 1, "b": 0}},
		{"9 minutes", map[string]int{"b": 1, "a": 1}, map[string]int{"a": 4, "b": 2}},
		{"61 seconds", map[string]int{"a": 2, "c": 1}, map[string]int{"a": 0, "c": 0}}, // 10 minutes and a second in all
		{"0", map[string]int{"a": 1, "c": 0}, map[string]int{"a": 2, "c": 1}},
		{"0", map[string]int{}, map[string]int{}},
	} {
		test.Fixture(t, `update limit_counters set window_start = window_start - '`+c.age+`'::interval`)
		got, err := take(d, soon(t), window, c.takes)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("step %d: before %v, want %v: %v", i, got, c.want, err)
		}
	}
	broken := errors.New("broken")
	err := d.Bookkeep(soon(t), "test", func(tx *db.Tx) error {
		_, err := Take(tx, window, map[string]int{"a": 100})
		return errors.Join(err, broken)
	})
	if got, _ := take(d, soon(t), window, map[string]int{"a": 0}); !errors.Is(err, broken) || got["a"] != 3 {
		t.Errorf("what was rolled back counted: %v, %v", got, err)
	}
}

func TestAllowTellsHowLongToWait(t *testing.T) {
	t.Parallel()
	d, test := open(t)
	allow := func() time.Duration {
		t.Helper()
		wait, err := Allow(soon(t), d, "form", 3, time.Hour)
		must(t, err)
		return wait
	}
	for i := range 3 {
		if wait := allow(); wait != 0 {
			t.Errorf("use %d waits %v", i+1, wait)
		}
	}
	for range 2 { // what is refused counts too, and does not prolong the window
		if wait := allow(); wait <= 59*time.Minute || wait > time.Hour {
			t.Errorf("wait %v", wait)
		}
	}
	test.Fixture(t, `update limit_counters set window_start = now() - interval '59 minutes 59.9 seconds'`)
	if wait := allow(); wait != time.Second {
		t.Errorf("at the end of the window: %v", wait)
	}
	test.Fixture(t, `update limit_counters set window_start = now() - interval '61 minutes'`)
	if wait := allow(); wait != 0 {
		t.Errorf("after the window: %v", wait)
	}
	if wait, err := Allow(soon(t), d, "never", 0, time.Hour); err != nil || wait == 0 {
		t.Errorf("a limit of none allows one: %v", err)
	}
	ctx, cancel := context.WithCancel(soon(t))
	cancel()
	if _, err := Allow(ctx, d, "form", 3, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("without an answer of the database: %v", err)
	}
}

// Tried: 100 goroutines at one limit of 40.
func TestLimitIsExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	var allowed atomic.Int32
	var wait sync.WaitGroup
	for range 100 {
		wait.Go(func() {
			switch pause, err := Allow(soon(t), d, "k", 40, time.Hour); {
			case err != nil:
				t.Error(err)
			case pause == 0:
				allowed.Add(1)
			}
		})
	}
	wait.Wait()
	if got, _ := take(d, soon(t), time.Hour, map[string]int{"k": 0}); allowed.Load() != 40 || got["k"] != 100 {
		t.Errorf("%d were allowed, %d counted", allowed.Load(), got["k"])
	}
}

// Tried: transactions that count the same keys; maps give them in any order. A deadlock would cost a
// second and a try, so each transaction counts its tries.
func TestSameKeysNeverDeadlock(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	var tries atomic.Int32
	var wait sync.WaitGroup
	const writers, rounds = 16, 10
	for w := range writers {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for range rounds {
				takes := map[string]int{}
				for _, k := range random.Perm(12)[:8] {
					takes[fmt.Sprintf("key %d", k)] = 1
				}
				err := d.Bookkeep(soon(t), "test", func(tx *db.Tx) error {
					tries.Add(1)
					_, err := Take(tx, time.Hour, takes)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if tries.Load() != writers*rounds {
		t.Errorf("%d tries for %d transactions", tries.Load(), writers*rounds)
	}
}

func TestForgetKeepsWhatAWindowMayReach(t *testing.T) {
	t.Parallel()
	d, test := open(t)
	_, err := take(d, soon(t), time.Hour, map[string]int{"old": 1, "young": 1})
	must(t, err)
	test.Fixture(t, `update limit_counters set window_start = now() - case key when 'old' then interval '49 hours' else interval '47 hours' end`)
	must(t, d.Bookkeep(soon(t), "test", Forget))
	var left string
	must(t, d.View(soon(t), event.System("test"), func(v *db.View) error {
		return v.QueryRow(`select string_agg(key, ' ') from limit_counters`).Scan(&left)
	}))
	if left != "young" {
		t.Errorf("left: %s", left)
	}
}
