package outbox

import (
	"context"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/jobs"
)

// Filter narrows a list of letters; zero fields do not.
type Filter struct {
	State    State
	TicketID uuid.UUID
}

// List is newest first; after is the id of the last letter of the page before.
func (o *Outbox) List(ctx context.Context, by event.Actor, f Filter, after uuid.UUID, limit int) ([]Letter, error) {
	var out []Letter
	err := o.db.View(ctx, by, func(v *db.View) (err error) {
		switch {
		case f.TicketID != uuid.Nil:
			out, err = db.All[Letter](v, sqlLettersOfTicket, f.TicketID, db.NullID(after), string(f.State), limit)
		case f.State != "":
			out, err = db.All[Letter](v, sqlLettersByState, string(f.State), db.NullID(after), limit)
		default:
			out, err = db.All[Letter](v, sqlLetters, db.NullID(after), limit)
		}
		return err
	})
	return out, err
}

// Resend owes the letter once more, byte for byte and under the same Message-ID. A letter that is on its
// way is a Conflict, one whose bytes are no longer kept too.
func (o *Outbox) Resend(ctx context.Context, by event.Actor, id uuid.UUID) (Letter, error) {
	var l Letter
	err := o.db.Change(ctx, by, func(tx *db.Tx) error {
		found, ok, err := db.One[Letter](tx, sqlLockLetter, id)
		if err != nil {
			return err
		}
		if l = found; !ok {
			return fault.New(fault.NotFound, "letter_not_found", "there is no letter %s", id)
		}
		// A letter whose second copy is planned has a job, which sleeps: beside another it would send a third.
		if l.State == Queued || l.State == Sending || (l.State == Unknown && l.Unknowns < 2) {
			return fault.New(fault.Conflict, "letter_on_its_way", "the letter is waiting to be sent already")
		}
		var kept bool
		if err := tx.QueryRow(sqlHasBytes, id).Scan(&kept); err != nil {
			return err
		}
		if !kept {
			return fault.New(fault.Conflict, "letter_bytes_gone", "the letter's bytes are no longer kept; write a new answer instead")
		}
		l.State, l.Unknowns, l.NextAttemptAt, l.GiveUpAt = Queued, 0, tx.Now(), tx.Now().Add(o.patience)
		tx.Queue(sqlResend, id, l.GiveUpAt)
		tx.Enqueue(jobs.SendLetter{LetterID: id.String()})
		tx.Record(event.Event{Kind: event.LetterResent, ClientID: l.ClientID.UUID, SubjectID: id.String(), Label: l.Kind})
		return nil
	})
	return l, err
}

// Sweep queues due letters that no job is working on: the queue lost one. It returns how many.
func (o *Outbox) Sweep(ctx context.Context) (n int, err error) {
	err = o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) error {
		ids, err := db.Column[uuid.UUID](tx, sqlForgotten)
		for _, id := range ids {
			tx.Enqueue(jobs.SendLetter{LetterID: id.String()})
		}
		n = len(ids)
		return err
	})
	return n, err
}

// Purge drops the bytes of up to most letters that a server took, or that have failed, that many days ago.
func (o *Outbox) Purge(ctx context.Context, days, most int) (rows int64, err error) {
	err = o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) error {
		tag, err := tx.Exec(sqlPurgeBytes, days, most)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}
