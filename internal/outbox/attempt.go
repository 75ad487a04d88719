package outbox

import (
	"context"
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

// Settle writes down what became of the attempt. The next one is due in `again`; zero: none is.
func (o *Outbox) Settle(ctx context.Context, l Letter, r Report) (again time.Duration, err error) {
	switch {
	case r.Outcome == "accepted":
		_, err = o.accepted.do(ctx, acceptance{l.ID, r.Code})
		return 0, err
	case r.Outcome == "unknown" && l.Unknowns == 0:
		again = unknownPause
		return again, o.bookkeep(ctx, sqlSettleUnknown, l.ID, r.Code, r.Text, again)
	case r.Outcome == "unknown":
		return 0, o.bookkeep(ctx, sqlSettleUnknown, l.ID, r.Code, r.Text, time.Duration(0))
	case r.Outcome == "temporary":
		again = pause(l.Attempts)
		if time.Now().Add(again).Before(l.GiveUpAt) {
			return again, o.bookkeep(ctx, sqlSettleLater, l.ID, r.Code, r.Text, again)
		}
	}
	return 0, o.fail(ctx, l, r)
}

// acceptance is a letter that a server took, and its code.
type acceptance struct {
	id   uuid.UUID
	code int
}

func (o *Outbox) settleAccepted(ctx context.Context, all []acceptance) ([]struct{}, error) {
	ids, codes := make([]uuid.UUID, len(all)), make([]int, len(all))
	for i, a := range all {
		ids[i], codes[i] = a.id, a.code
	}
	return make([]struct{}, len(all)), o.bookkeep(ctx, sqlSettleSent, ids, codes)
}

func (o *Outbox) bookkeep(ctx context.Context, sql string, args ...any) error {
	return o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) error {
		tx.Queue(sql, args...)
		return nil
	})
}

// fail is a change that people are told of: the ticket shows it.
func (o *Outbox) fail(ctx context.Context, l Letter, r Report) error {
	return o.db.Change(ctx, event.System("outbox"), func(tx *db.Tx) error {
		tx.Queue(sqlSettleFailed, l.ID, r.Code, r.Text)
		tx.Record(event.Event{Kind: event.LetterFailed, ClientID: l.ClientID.UUID, SubjectID: l.ID.String(), Label: l.Kind,
			Detail: map[string]any{"code": r.Code, "attempts": l.Attempts}})
		return nil
	})
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
