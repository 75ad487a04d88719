package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/mail/mailbox"
)

// Watch waits for news of the mailboxes that this process holds, until ctx ends: IDLE where the server has it, and
// a poll at every interval as the safety net. It only queues polls. In the end the others get its mailboxes.
func (w *Worker) Watch(ctx context.Context) {
	watching := map[uuid.UUID]watched{}
	var all sync.WaitGroup
	defer func() {
		all.Wait()
		w.post.leases.leave(context.WithoutCancel(ctx))
	}()
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		held, err := w.post.leases.look(ctx)
		if err != nil && ctx.Err() == nil {
			w.deps.Log.Warn("the mailboxes to watch could not be read", "error", err)
		}
		if err == nil {
			w.keepUp(ctx, watching, held, &all)
		}
		select {
		case <-ctx.Done():
			return // and so do the leases
		case <-tick.C:
		}
	}
}

// watched is a watcher of one mailbox; its context ends with the lease.
type watched struct {
	version int
	ctx     context.Context
	stop    context.CancelFunc
}

// keepUp starts a watcher for each mailbox that is new or changed, and stops those of mailboxes that are other
// processes'.
func (w *Worker) keepUp(ctx context.Context, watching map[uuid.UUID]watched, held []holding, all *sync.WaitGroup) {
	there := map[uuid.UUID]bool{}
	for _, h := range held {
		there[h.MailboxID] = true
		one, known := watching[h.MailboxID]
		if known && one.version == h.Version && one.ctx.Err() == nil {
			continue
		}
		if known {
			one.stop()
			delete(watching, h.MailboxID)
			if one.version != h.Version {
				all.Go(func() { w.post.hurry(ctx, h.MailboxID) })
			}
		}
		own := w.post.leases.of(h.MailboxID)
		if own == nil {
			continue // it ended meanwhile; the next look tells
		}
		if !known {
			w.deps.Log.Info("a mailbox is watched here", "mailbox", h.MailboxID)
		}
		context.AfterFunc(own.ctx, func() { w.post.vacate(h.MailboxID) })
		ctx, stop := context.WithCancel(own.ctx)
		watching[h.MailboxID] = watched{version: h.Version, ctx: ctx, stop: stop}
		all.Go(func() { w.watchOne(ctx, h.MailboxID) })
		all.Go(func() { w.pollEvery(ctx, h.MailboxID) })
	}
	for id, one := range watching {
		if !there[id] {
			one.stop()
			delete(watching, id)
		}
	}
}

// pollEvery is the safety net.
func (w *Worker) pollEvery(ctx context.Context, id uuid.UUID) {
	tick := time.NewTicker(w.set.PollInterval)
	defer tick.Stop()
	for {
		w.announce(ctx, id)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// watchOne keeps an IDLE on the mailbox's first folder, over a connection of its own, and begins again
// after any failure: a second later at first, a minute later in the end, or when the back-off after a login that
// failed is over.
func (w *Worker) watchOne(ctx context.Context, id uuid.UUID) {
	const first, last = time.Second, time.Minute
	pause := first
	w.post.accounts.forget(id) // it may have been changed a moment ago
	for ctx.Err() == nil {
		began := time.Now()
		err := w.idle(ctx, id)
		if errors.Is(err, mailbox.ErrNoIdle) {
			return // the polls go on
		}
		if time.Since(began) > last {
			pause = first
		}
		wait := max(pause, w.post.backoff(ctx, id))
		if ctx.Err() == nil {
			w.deps.Log.Warn("watching a mailbox was interrupted", "mailbox", id, "error", err, "again_in", wait.Round(time.Second))
			w.announce(ctx, id)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
			pause = min(2*pause, last)
		}
	}
}

func (w *Worker) idle(ctx context.Context, id uuid.UUID) error {
	l, err := w.post.accounts.get(ctx, id)
	if err != nil {
		return err
	}
	session, err := w.post.hole(id).dial(ctx, l, w.set.IMAP)
	if err != nil {
		w.post.judge(ctx, l.box, err) // a poll would wait for the back-off
		return err
	}
	defer session.Close()
	if _, err := session.Open(ctx, l.box.Folders[0]); err != nil {
		return err
	}
	w.announce(ctx, id) // what came before the folder was open
	for {
		news, err := session.Idle(ctx, w.set.IdleSlice)
		if err != nil {
			return err
		}
		if news {
			w.announce(ctx, id)
		}
	}
}

// repetitions are the pauses after which a notice is repeated that no poll has seen yet: one that is failing may
// not have, nor one whose end is not in the queue's books.
var repetitions = []time.Duration{0, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second}

// announce queues a poll. There is one poll of a mailbox at a time; where one is just ending, it is asked
// for again until somebody has seen the news.
func (w *Worker) announce(ctx context.Context, id uuid.UUID) {
	h := w.post.hole(id)
	h.news.Store(true)
	go func() {
		for _, pause := range repetitions {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			if !h.news.Load() {
				return
			}
			if err := w.post.queuePoll(ctx, id); err != nil && ctx.Err() == nil {
				w.deps.Log.Warn("a poll could not be queued", "mailbox", id, "error", err)
			}
		}
	}()
}
