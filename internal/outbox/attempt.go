package outbox

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Attempt is a letter that was claimed for sending, with its envelope sender and the bytes to send.
type Attempt struct {
	Letter       Letter
	EnvelopeFrom string
	Raw          []byte
}

// Claim marks the letter as being sent and returns its bytes. ok is false where nothing is to be sent:
// a server has taken it, it has failed, or its time has not come, which wait then tells.
func (o *Outbox) Claim(ctx context.Context, id uuid.UUID) (a Attempt, wait time.Duration, ok bool, err error) {
	var sealed []byte
	err = o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) error {
		found, there, err := db.One[Letter](tx, sqlLockLetter, id)
		if err != nil || !there || !found.due() {
			return err
		}
		if wait = found.NextAttemptAt.Sub(tx.Now()); wait > 0 {
			return nil
		}
		a.Letter = found
		if err := tx.QueryRow(sqlReadBytes, id).Scan(&sealed); err != nil {
			return fmt.Errorf("bytes of letter %s: %w", id, err)
		}
		ok = true
		a.Letter.Attempts++
		tx.Queue(sqlClaim, id)
		return nil
	})
	if err != nil || !ok {
		return Attempt{}, wait, false, err
	}
	a.EnvelopeFrom, a.Raw, err = o.open(sealed)
	return a, 0, err == nil, err
}

// due tells whether another attempt is owed. A letter that is marked as being sent belonged to a process
// that died: only one job works on it.
func (l Letter) due() bool {
	switch l.State {
	case Queued, Sending:
		return true
	case Unknown:
		return l.Unknowns < 2
	}
	return false
}

func (o *Outbox) open(sealed []byte) (from string, raw []byte, err error) {
	packed, err := o.vault.Open(bytesPurpose, sealed)
	if err != nil {
		return "", nil, err
	}
	whole, err := decoder.DecodeAll(packed, nil)
	sender, raw, _ := bytes.Cut(whole, []byte("\n"))
	return string(sender), raw, err
}

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
		return 0, o.bookkeep(ctx, sqlSettleSent, l.ID, r.Code)
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
