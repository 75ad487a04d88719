package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// startRouting begins to route what is accepted; wait returns when the batches are closed and done. A stop lets
// the batches in hand end.
func (i *importer) startRouting(ctx context.Context) (wait func()) {
	i.batches = make(chan []int64) // unbuffered: what is accepted is never far ahead of what is routed
	var workers sync.WaitGroup
	for range i.set.IngestWorkers {
		workers.Go(func() {
			for ids := range i.batches {
				i.route(context.WithoutCancel(ctx), ids)
			}
		})
	}
	return workers.Wait
}

// route gives emails their dispositions. What fails now is in the ledger with the reason, and tried again.
func (i *importer) route(ctx context.Context, ids []int64) {
	err := i.inbox.Ingest(ctx, ids)
	i.progress.routed(len(ids))
	if err != nil {
		i.mu.Lock()
		i.failed = err
		i.mu.Unlock()
	}
}

// routeAtOnce is how many emails one commit routes.
const routeAtOnce = 50

// routeRest routes what has no disposition yet: replies that waited for their parents, what failed, and what an
// earlier run left. It ends when a round over all of them gets nothing further.
func (i *importer) routeRest(ctx context.Context) error {
	for before := -1; ctx.Err() == nil; {
		left := 0
		for after := int64(0); ctx.Err() == nil; {
			ids, err := i.inbox.Unrouted(ctx, i.folders, after, routeAtOnce)
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				break
			}
			left, after = left+len(ids), ids[len(ids)-1]
			i.route(context.WithoutCancel(ctx), ids)
		}
		switch {
		case left == 0:
			return nil
		case left == before:
			return i.stuck(left)
		}
		before = left
	}
	return ctx.Err()
}

func (i *importer) stuck(n int) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	why := errors.New("they wait for emails that they answer")
	if i.failed != nil {
		why = i.failed
	}
	return fmt.Errorf("%d emails are stored and have no disposition yet; a running desk goes on with them, and so does this command: %w", n, why)
}

// summary counts what became of all emails of the archives, those of earlier runs too.
func (i *importer) summary(ctx context.Context, w io.Writer) error {
	counts, err := i.inbox.Counts(ctx, i.folders)
	if err != nil {
		return err
	}
	total := 0
	for _, c := range counts {
		total += c.Emails
	}
	fmt.Fprintf(w, "%s emails of these archives are in the ledger, %s of them new\n", thousands(total), thousands(i.progress.fresh()))
	tellCounts(w, counts)
	return nil
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
