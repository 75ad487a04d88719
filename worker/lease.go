package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/jobs"
)

// The rhythm of the leases. Another process takes what one holds that has not looked around for leaseFor; by
// then it has let go by itself, since it is sure of what it saw for less long.
const (
	lookAround = time.Second
	leaseFor   = 5 * time.Second
	sureFor    = 4 * time.Second
)

var (
	// errLost ends what is done for a mailbox that another process may read by now.
	errLost = errors.New("the mailbox is another process's to read")
	// errElsewhere says that another process reads the mailbox.
	errElsewhere = errors.New("another process reads the mailbox")
)

// leases are the mailboxes that this process alone reads. A moment of two readers, as the clocks' rates allow
// it, costs double work and nothing else: the cursor refuses the second one's rows.
type leases struct {
	db      *db.DB
	prompt  *db.DB // over a connection of its own: waiting for a place in the pool would cost the leases
	process string

	mu   sync.Mutex
	held map[uuid.UUID]*lease
	sure time.Time // until when
	over *time.Timer
}

// lease is one mailbox that this process reads, until its context ends.
type lease struct {
	all *leases
	ctx context.Context
	end context.CancelCauseFunc
}

func newLeases(d *db.DB, process string) *leases {
	l := &leases{db: d, prompt: d.Reserved(), process: process, held: map[uuid.UUID]*lease{}}
	l.over = time.AfterFunc(time.Hour, l.letGo)
	l.over.Stop()
	return l
}

// holding is a mailbox of this process, as the database has it.
type holding struct {
	MailboxID uuid.UUID `db:"mailbox_id"`
	Version   int       `db:"version"`
}

const sqlLook = `
insert into watchers (process, queue) values ($1, $2) on conflict (process) do update set looked_at = now()`

// Each watcher takes its share and gives back what is more, so that one that joins gets work.
const sqlShare = `
select ceil(count(*)::numeric / (select count(*) from watchers where looked_at >= now() - $1::interval))::bigint
from mailboxes where not paused`

const sqlGiveBack = `
delete from mailbox_leases l using mailboxes m
where m.id = l.mailbox_id and l.process = $1 and (m.paused or l.mailbox_id in (
    select mailbox_id from mailbox_leases where process = $1 order by since, mailbox_id offset $2))`

const sqlTake = `
insert into mailbox_leases (mailbox_id, process)
select m.id, $1 from mailboxes m where not m.paused and not exists (
    select from mailbox_leases l join watchers w on w.process = l.process
    where l.mailbox_id = m.id and w.looked_at >= now() - $3::interval)
order by m.id limit greatest(0, $2::bigint - (select count(*) from mailbox_leases where process = $1))
on conflict (mailbox_id) do update set process = excluded.process, since = now()
where not exists (
    select from watchers w where w.process = mailbox_leases.process and w.looked_at >= now() - $3::interval)`

const sqlHeld = `
select l.mailbox_id, m.version from mailbox_leases l join mailboxes m on m.id = l.mailbox_id where l.process = $1`

// look says that this process watches, takes its share of the mailboxes that nobody reads, and returns what it
// holds. The leases live on in ctx.
func (l *leases) look(ctx context.Context) ([]holding, error) {
	began := time.Now()
	var held []holding
	brief, cancel := context.WithTimeout(ctx, beatPatience)
	defer cancel()
	err := l.prompt.Bookkeep(brief, "watch", func(tx *db.Tx) error {
		var share int64
		tx.Queue(sqlLook, l.process, jobs.WatchQueue(l.process))
		if err := tx.QueryRow(sqlShare, leaseFor).Scan(&share); err != nil {
			return err
		}
		tx.Queue(sqlGiveBack, l.process, share)
		tx.Queue(sqlTake, l.process, share, leaseFor)
		var err error
		held, err = db.All[holding](tx, sqlHeld, l.process)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for mailboxes to watch: %w", err)
	}
	return held, l.keep(ctx, held, began.Add(sureFor))
}

// keep notes what is held until `sure`, and ends the leases of what is not any more.
func (l *leases) keep(ctx context.Context, held []holding, sure time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !time.Now().Before(sure) {
		return errLost // the answer took longer than it is worth
	}
	l.sure = sure
	l.over.Reset(time.Until(sure))
	before := l.held
	l.held = make(map[uuid.UUID]*lease, len(held))
	for _, h := range held {
		own := before[h.MailboxID]
		if own == nil {
			own = &lease{all: l}
			own.ctx, own.end = context.WithCancelCause(ctx)
		}
		delete(before, h.MailboxID)
		l.held[h.MailboxID] = own
	}
	for _, lost := range before {
		lost.end(errLost)
	}
	return nil
}

// letGo ends all leases here; in the database they end by themselves.
func (l *leases) letGo() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, own := range l.held {
		own.end(errLost)
	}
	clear(l.held)
}

// of is the lease of a mailbox, or nil.
func (l *leases) of(id uuid.UUID) *lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[id]
}

// lost reports whether another process may read the mailbox by now: also in a process that was stopped for a
// while, before its timers have told. A nil lease, where nobody watches, is never lost.
func (own *lease) lost() bool {
	if own == nil {
		return false
	}
	own.all.mu.Lock()
	defer own.all.mu.Unlock()
	return own.ctx.Err() != nil || !time.Now().Before(own.all.sure)
}

// bind returns a context that ends with the lease, if not before.
func (own *lease) bind(ctx context.Context) (context.Context, context.CancelFunc) {
	if own == nil {
		return ctx, func() {}
	}
	bound, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(own.ctx, func() { cancel(errLost) })
	return bound, func() {
		stop()
		cancel(nil)
	}
}

const sqlElsewhere = `
select exists (select from mailbox_leases l join watchers w on w.process = l.process
    where l.mailbox_id = $1 and l.process <> $2 and w.looked_at >= now() - $3::interval)`

const sqlQueueOf = `
select w.queue from mailbox_leases l join watchers w on w.process = l.process
where l.mailbox_id = $1 and w.looked_at >= now() - $2::interval`

// claim is the lease under which this process may read a mailbox now; nil where nobody watches it. It fails
// with errElsewhere where another process does.
func (l *leases) claim(ctx context.Context, id uuid.UUID) (*lease, error) {
	if own := l.of(id); own != nil {
		return own, nil
	}
	elsewhere := false
	err := l.db.View(ctx, event.System("watch"), func(v *db.View) error {
		return v.QueryRow(sqlElsewhere, id, l.process, leaseFor).Scan(&elsewhere)
	})
	if err == nil && elsewhere {
		err = errElsewhere
	}
	return nil, err
}

const sqlLeaveWatch = `delete from watchers where process = $1`

// leave gives all mailboxes to the others at once.
func (l *leases) leave(ctx context.Context) {
	l.letGo()
	l.over.Stop()
	ctx, cancel := context.WithTimeout(ctx, beatPatience)
	defer cancel()
	// Where this fails the others find out by the silence.
	_ = l.prompt.Bookkeep(ctx, "watch", func(tx *db.Tx) error {
		tx.Queue(sqlLeaveWatch, l.process)
		return nil
	})
}

const (
	sqlForgetWatchers = `delete from watchers where looked_at < now() - interval '1 hour'`
	sqlDropLeftPolls  = `
delete from river_job where queue like 'watch-%' and state in ('available', 'pending', 'scheduled', 'retryable')
    and not exists (select from watchers w where w.queue = river_job.queue)`
)

// forgetWatchers removes what is left of processes that watched mailboxes and died; their polls were asked for
// again by whoever took the mailboxes over.
func forgetWatchers(tx *db.Tx) {
	tx.Queue(sqlForgetWatchers)
	tx.Queue(sqlDropLeftPolls)
}
