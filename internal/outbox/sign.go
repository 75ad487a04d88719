package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
)

// MaySign reports whether the attempt's bytes may still get a signature: nobody can have got them without one. A
// letter that may have arrived is sent again as it was.
func (a Attempt) MaySign() bool { return !a.Signed && a.Letter.Unknowns == 0 }

// KeepSignature stores the header field that this attempt puts above the letter, and returns the attempt with it:
// every later one sends the same bytes. ErrOvertaken says that the attempt is no longer the letter's.
func (o *Outbox) KeepSignature(ctx context.Context, a Attempt, field []byte) (Attempt, error) {
	kept, err := o.signings.do(ctx, signing{a.Letter.ID, a.Letter.Attempts, string(field)})
	if err := overtaken(kept, err); err != nil {
		return a, err
	}
	a.Raw, a.Signed = slices.Concat(field, a.Raw), true
	return a, nil
}

// signing is a letter's signature, made at which attempt. It holds no secret: hashes of what the sealed bytes say.
type signing struct {
	id      uuid.UUID
	attempt int
	field   string
}

func (o *Outbox) keepSignatures(ctx context.Context, all []signing) ([]bool, error) {
	ids, attempts, fields := make([]uuid.UUID, len(all)), make([]int, len(all)), make([][]byte, len(all))
	for i, s := range all {
		ids[i], attempts[i], fields[i] = s.id, s.attempt, []byte(s.field)
	}
	var kept []uuid.UUID
	err := o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) (err error) {
		kept, err = db.Column[uuid.UUID](tx, sqlKeepSignatures, ids, attempts, fields)
		return err
	})
	out := make([]bool, len(all))
	for i, id := range ids {
		out[i] = slices.Contains(kept, id)
	}
	return out, err
}

// hurryPause is longer than any process keeps the login that it read.
const hurryPause = 3 * time.Second

// Hurry lets the letters of a mailbox that wait for their next attempt be tried in a moment: what they waited for
// may be mended.
func (o *Outbox) Hurry(ctx context.Context, mailbox uuid.UUID) error {
	return o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) error {
		ids, err := db.Column[uuid.UUID](tx, sqlHurryLetters, mailbox, hurryPause)
		if err == nil && len(ids) > 0 {
			_, err = tx.Exec(sqlHurryJobs, ids, hurryPause)
		}
		return err
	})
}
