package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Untidied are emails of one folder that have their disposition and are still as they came on the server.
type Untidied struct {
	Folder      string      `db:"folder"`
	UIDValidity int64       `db:"uidvalidity"`
	IDs         []int64     `db:"ids"`
	UIDs        []int64     `db:"uids"`
	Dates       []time.Time `db:"dates"` // INTERNALDATE, of each UID
}

// HasUntidied reports whether a mailbox has any.
func (s *Service) HasUntidied(ctx context.Context, mailboxID uuid.UUID) (has bool, err error) {
	err = s.db.View(ctx, event.System("inbox"), func(v *db.View) error {
		return v.QueryRow(sqlHasUntidied, mailboxID).Scan(&has)
	})
	return has, err
}

// Untidied lists the oldest ones of a mailbox, by folder. Emails whose UIDs mean nothing any more, and those
// that were quarantined, are given up first: they stay as they are.
func (s *Service) Untidied(ctx context.Context, mailboxID uuid.UUID) (out []Untidied, err error) {
	err = s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) (err error) {
		tx.Queue(sqlLeaveUntidied, mailboxID)
		out, err = db.All[Untidied](tx, sqlUntidied, mailboxID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list what is to be tidied in mailbox %s: %w", mailboxID, err)
	}
	return out, nil
}

// Tidied notes that emails were marked or moved.
func (s *Service) Tidied(ctx context.Context, ids []int64) error {
	return s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		tx.Queue(sqlTidied, ids)
		return nil
	})
}
