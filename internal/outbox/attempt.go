package outbox

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Report is what became of an attempt, in the words of mail/smtp.
type Report struct {
	Outcome string // "accepted", "temporary", "permanent", "unknown"
	Code    int
	Text    string
}

// ErrOvertaken says that the attempt is no longer the letter's: somebody took its process for dead and judged
// the letter meanwhile. Nothing was written, and another job takes care of the letter.
var ErrOvertaken = errors.New("the letter was judged by somebody else meanwhile")

// Settle writes down what became of the attempt that l was claimed for. The next one is due in `again`; zero:
// none is.
func (o *Outbox) Settle(ctx context.Context, l Letter, r Report) (again time.Duration, err error) {
	switch {
	case r.Outcome == "accepted":
		settled, err := o.accepted.do(ctx, acceptance{l.ID, l.Attempts, r.Code})
		return 0, overtaken(settled, err)
	case r.Outcome == "unknown" && l.Unknowns == 0:
		return o.putOff(ctx, sqlSettleUnknown, l, r, unknownPause)
	case r.Outcome == "unknown":
		return o.putOff(ctx, sqlSettleUnknown, l, r, 0)
	case r.Outcome == "temporary":
		again = pause(l.Attempts)
		if time.Now().Add(again).Before(l.GiveUpAt) {
			return o.putOff(ctx, sqlSettleLater, l, r, again)
		}
	}
	return 0, o.fail(ctx, l, r)
}

func overtaken(settled bool, err error) error {
	if err == nil && !settled {
		return ErrOvertaken
	}
	return err
}

// acceptance is a letter that a server took, at which attempt, and its code.
type acceptance struct {
	id      uuid.UUID
	attempt int
	code    int
}

func (o *Outbox) settleAccepted(ctx context.Context, all []acceptance) ([]bool, error) {
	ids, attempts, codes := make([]uuid.UUID, len(all)), make([]int, len(all)), make([]int, len(all))
	for i, a := range all {
		ids[i], attempts[i], codes[i] = a.id, a.attempt, a.code
	}
	var settled []uuid.UUID
	err := o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) (err error) {
		settled, err = db.Column[uuid.UUID](tx, sqlSettleSent, ids, attempts, codes)
		return err
	})
	out := make([]bool, len(all))
	for i, id := range ids {
		out[i] = slices.Contains(settled, id)
	}
	return out, err
}

// putOff leaves the letter for `again`; zero leaves it for good.
func (o *Outbox) putOff(ctx context.Context, sql string, l Letter, r Report, again time.Duration) (time.Duration, error) {
	var settled bool
	err := o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) error {
		tag, err := tx.Exec(sql, l.ID, l.Attempts, r.Code, r.Text, again)
		settled = tag.RowsAffected() > 0
		return err
	})
	if err = overtaken(settled, err); err != nil {
		return 0, err
	}
	return again, nil
}

// fail is a change that people are told of: the ticket shows it.
func (o *Outbox) fail(ctx context.Context, l Letter, r Report) error {
	var settled bool
	err := o.db.Change(ctx, event.System("outbox"), func(tx *db.Tx) error {
		tag, err := tx.Exec(sqlSettleFailed, l.ID, l.Attempts, r.Code, r.Text)
		if settled = tag.RowsAffected() > 0; err != nil || !settled {
			return cmp.Or(err, db.NoChange)
		}
		tx.Record(event.Event{Kind: event.LetterFailed, ClientID: l.ClientID.UUID, SubjectID: l.ID.String(), Label: l.Kind,
			Detail: map[string]any{"code": r.Code, "attempts": l.Attempts}})
		return nil
	})
	return overtaken(settled, err)
}

// unknownPause gives a server that swallowed the letter time to show it before a second copy is made.
const unknownPause = 2 * time.Minute

// pause grows to an hour: a restart of the server costs seconds, greylisting minutes, an outage an hour.
func pause(attempts int) time.Duration {
	steps := []time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
		10 * time.Minute, 20 * time.Minute, 40 * time.Minute}
	if attempts < 1 {
		attempts = 1
	}
	if attempts > len(steps) {
		return time.Hour
	}
	return steps[attempts-1]
}
