package outbox

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Owed is a letter that may be claimed, and whose account sends it.
type Owed struct {
	ID        uuid.UUID
	MailboxID uuid.UUID
	size      int // of its bytes as they are stored
}

// Look finds the letter without claiming it: a claim marks it as being sent, which must not be true for longer
// than a connection is at it. ok is false where nothing is to be sent, or not before `wait` is over.
func (o *Outbox) Look(ctx context.Context, id uuid.UUID) (l Owed, wait time.Duration, ok bool, err error) {
	found, err := o.looks.do(ctx, id)
	return found.owed, found.wait, found.ok && err == nil, err
}

// looked is what one caller gets of a look.
type looked struct {
	owed Owed
	wait time.Duration
	ok   bool
}

// lookRow is what a look reads.
type lookRow struct {
	ID            uuid.UUID `db:"id"`
	MailboxID     uuid.UUID `db:"mailbox_id"`
	State         State     `db:"state"`
	Unknowns      int       `db:"unknowns"`
	NextAttemptAt time.Time `db:"next_attempt_at"`
	Size          int       `db:"size"`
}

func (o *Outbox) lookAll(ctx context.Context, ids []uuid.UUID) ([]looked, error) {
	found := map[uuid.UUID]looked{}
	err := o.db.View(ctx, event.System("outbox"), func(v *db.View) error {
		rows, err := db.All[lookRow](v, sqlLook, ids)
		for _, r := range rows {
			l := Letter{State: r.State, Unknowns: r.Unknowns, NextAttemptAt: r.NextAttemptAt}
			wait, due := l.due(v.Now())
			// What is marked as being sent its claim judges, under the lock.
			found[r.ID] = looked{Owed{r.ID, r.MailboxID, r.Size}, wait, due || r.State == Sending}
		}
		return err
	})
	out := make([]looked, len(ids))
	for i, id := range ids {
		out[i] = found[id]
	}
	return out, err
}

// due reports whether it is time for an attempt; wait tells how long it is not. No attempt is due of a letter
// that a server has taken, that has failed, or that is being sent.
func (l Letter) due(now time.Time) (wait time.Duration, ok bool) {
	if l.State != Queued && (l.State != Unknown || l.Unknowns > 1) {
		return 0, false
	}
	if l.NextAttemptAt.After(now) {
		return l.NextAttemptAt.Sub(now), false
	}
	return 0, true
}
