package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// trial is one run: one desk, disturbed over several rounds, counted after each.
type trial struct {
	rounds, emails, disturbances int
	seed                         uint64
	out                          io.Writer

	program *program
	breaker disturber
	rng     *rand.Rand
	plan    []*planned // of all rounds so far

	operator sync.Mutex // one at a time
	resent   int        // letters that were left to people and had not arrived
}

// senders hand in emails at the same time.
const senders = 4

// run returns the last judgement, which is of everything that was ever sent.
func (t *trial) run(ctx context.Context) (j judgement, err error) {
	t.rng = rand.New(rand.NewPCG(t.seed, 0))
	if err := t.breaker.prepare(ctx, t.program); err != nil {
		return j, err
	}
	operating, retire := context.WithCancel(ctx)
	defer retire()
	go t.operate(operating)
	fmt.Fprintln(t.out, heading)
	var before judgement
	for round := range t.rounds {
		began := time.Now()
		emails := plan(t.rng, round, t.emails)
		t.plan = append(t.plan, emails...)
		if err := t.round(ctx, emails); err != nil {
			return j, fmt.Errorf("round %d: %w", round+1, err)
		}
		if j, err = t.count(ctx, round == t.rounds-1); err != nil {
			return j, fmt.Errorf("round %d: %w", round+1, err)
		}
		fmt.Fprintln(t.out, line(fmt.Sprint(round+1), j.since(before), time.Since(began)))
		before = j
	}
	fmt.Fprintln(t.out, line("all", j, 0))
	t.operator.Lock()
	defer t.operator.Unlock()
	fmt.Fprintf(t.out, "letters that were left to people, had not arrived and were sent again by hand: %d\n", t.resent)
	return j, nil
}

// round releases the emails slice by slice and disturbs the desk in each but the last.
func (t *trial) round(ctx context.Context, emails []*planned) error {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan *planned)
	for range senders {
		group.Go(func() error {
			for e := range queue {
				if err := t.program.deliver(ctx, e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(queue)
		slice := max(1, len(emails)/(t.disturbances+1))
		for i, e := range emails {
			select {
			case queue <- e:
			case <-ctx.Done():
				return ctx.Err()
			}
			if (i+1)%slice == 0 && (i+1)/slice <= t.disturbances {
				if err := t.breaker.disturb(ctx, t.program, t.rng); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return group.Wait()
}

// count waits until the desk has nothing left to do and judges.
func (t *trial) count(ctx context.Context, last bool) (judgement, error) {
	d, err := t.program.life()
	if err != nil {
		return judgement{}, err
	}
	for resent := 1; resent > 0; {
		if err := idle(ctx, d, last); err != nil {
			return judgement{}, err
		}
		if resent, err = t.resendLost(ctx, d); err != nil {
			return judgement{}, err
		}
	}
	f, err := gather(ctx, d, t.plan)
	if err != nil {
		return judgement{}, err
	}
	priced, isPriced := t.breaker.(pricer)
	if isPriced {
		f.forgotten = priced.letters()
	}
	j := judge(t.plan, f)
	if isPriced {
		priced.limit(&j)
	}
	for _, wrong := range append(j.lost, j.doubled...) {
		fmt.Fprintln(t.out, "  WRONG:", wrong)
	}
	return j, nil
}

// What is still to be done. A letter whose answer was lost is tried again two minutes later: only the last count
// waits for that, and every count for those that a killed program was sending, which are tried again in seconds.
const (
	sqlLeft = `
select (select count(*) from inbound_emails where disposition is null),
    (select count(*) from letters where state in ('queued', 'sending')
        or state = 'unknown' and unknowns < 2 and next_attempt_at < now() + interval '15 seconds'),
    (select count(*) from letters where state = 'unknown' and unknowns < 2),
    (select count(*) from inbound_emails)`
	stuckAfter = 4 * time.Minute
)

func idle(ctx context.Context, d demo, last bool) error {
	var left, before [5]int
	for moved := time.Now(); ; sleep(ctx, 100*time.Millisecond) {
		got, untidied, err := waiting(d)
		if err != nil {
			return err
		}
		if left, err = whatIsLeft(ctx, d); err != nil {
			return err
		}
		if left[0]+left[1] == 0 && left[3] >= got && untidied == 0 && (!last || left[2] == 0) {
			return nil
		}
		if left[4] = untidied; left != before {
			before, moved = left, time.Now()
		}
		if time.Since(moved) > stuckAfter {
			return fmt.Errorf("stuck for %s: the mailbox got %d emails, %d accepted, %d of them not routed, %d not marked or moved, %d letters not sent, %d unknown: %w",
				stuckAfter, got, left[3], left[0], untidied, left[1], left[2], errWrong)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// whatIsLeft connects anew until it succeeds: the database may be the one that is being cut off.
func whatIsLeft(ctx context.Context, d demo) (left [5]int, err error) {
	for range 50 {
		var conn *pgx.Conn
		if conn, err = pgx.Connect(ctx, d.DatabaseURL); err == nil {
			err = errors.Join(conn.QueryRow(ctx, sqlLeft).Scan(&left[0], &left[1], &left[2], &left[3]), conn.Close(ctx))
		}
		if err == nil {
			return left, nil
		}
		sleep(ctx, 100*time.Millisecond)
	}
	return left, err
}

// since is what this round added.
func (j judgement) since(before judgement) judgement {
	j.emails -= before.emails
	j.copies -= before.copies
	j.tickets -= before.tickets
	j.replies -= before.replies
	j.letters -= before.letters
	j.sentTwice -= before.sentTwice
	j.events -= before.events
	return j
}

const heading = "round  emails  copies  tickets  replies  letters  sent twice  events  lost  doubled  seconds"

func line(round string, j judgement, took time.Duration) string {
	text := fmt.Sprintf("%5s %7d %7d %8d %8d %8d %11d %7d %5d %8d %8.1f", round, j.emails, j.copies, j.tickets, j.replies, j.letters,
		j.sentTwice, j.events, len(j.lost), len(j.doubled), took.Seconds())
	return strings.TrimSuffix(text, "      0.0")
}
