package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
)

// Seen is what the server says of a folder when it is opened.
type Seen struct {
	UIDValidity, UIDNext int64
	Guessed              bool // UIDNext is one above the last email there: the server told none
}

// Scan is how a folder is to be read: everything above After.
type Scan struct {
	After   int64
	Restart bool   // from the beginning, as another generation of UIDs
	Why     string // of a restart
}

// Plan decides from the cursor and from what the server says. UIDVALIDITY changes when the server gives
// UIDs out anew (RFC 3501 section 2.3.1.1); a UIDNEXT that went back tells that the folder was restored
// from a backup and gives UIDs out a second time. One that is only guessed goes back whenever the last email
// is deleted. Reading again from the beginning is always safe: an email that we have is a duplicate.
func Plan(f mailboxes.Folder, s Seen) Scan {
	switch {
	case f.UIDValidity == 0:
		return Scan{Restart: true, Why: "first reading"}
	case f.UIDValidity != s.UIDValidity:
		return Scan{Restart: true, Why: "the server changed UIDVALIDITY"}
	case !s.Guessed && s.UIDNext <= f.LastUID:
		return Scan{Restart: true, Why: "the server's UIDNEXT went back"}
	}
	return Scan{After: f.LastUID}
}

// Restart begins another generation of the folder's UIDs and returns the folder as it then stands. The
// folder must stand as given, else ErrMoved: a second restart would take what the first one has not read
// yet for new email.
func (s *Service) Restart(ctx context.Context, f mailboxes.Folder, seen Seen) (mailboxes.Folder, error) {
	err := s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		at, err := db.Column[int64](tx, sqlLockFolder, f.ID, f.UIDValidity, f.Generation)
		if err != nil {
			return err
		}
		if len(at) == 0 || at[0] != f.LastUID {
			return ErrMoved
		}
		return tx.QueryRow(sqlRestartFolder, f.ID, seen.UIDValidity, seen.UIDNext).Scan(&f.Generation)
	})
	if err != nil {
		return f, fmt.Errorf("restart folder %d: %w", f.ID, err)
	}
	f.UIDValidity, f.LastUID, f.StartBelow = seen.UIDValidity, 0, seen.UIDNext
	return f, nil
}

// Known is an email below the cursor as the server lists it now.
type Known struct {
	UID          int64
	InternalDate time.Time
}

// Compare holds emails below the cursor against the ledger. Reused tells that the server has given their
// UIDs out a second time: a folder that was restored from a backup may have gone past the cursor again
// before anybody looked. An email keeps its INTERNALDATE (RFC 3501 section 2.3.3). Late are the UIDs that
// the ledger does not have: where emails come in beside one another, a server may show a higher UID first.
func (s *Service) Compare(ctx context.Context, f mailboxes.Folder, there []Known) (reused bool, late []int64, err error) {
	uids, dates := make([]int64, len(there)), make([]time.Time, len(there))
	for i, k := range there {
		uids[i], dates[i] = k.UID, k.InternalDate
	}
	err = s.db.View(ctx, event.System("inbox"), func(v *db.View) error {
		return v.QueryRow(sqlCompare, f.ID, f.UIDValidity, f.Generation, uids, dates).Scan(&reused, &late)
	})
	if err != nil {
		return false, nil, fmt.Errorf("compare folder %d with the ledger: %w", f.ID, err)
	}
	return reused, late, nil
}

// StartPoint tells which emails of a folder do not count: those from before the start that were there when
// its UIDs were first seen. An old email that somebody moves into the folder afterwards does count.
type StartPoint struct {
	below int64
	start time.Time
}

// StartOf is the start point of a folder: the mailbox's, or for one that counts from now on the moment when
// the folder was added, should that be later.
func StartOf(m mailboxes.Mailbox, f mailboxes.Folder) StartPoint {
	if m.Start == mailboxes.FromAll {
		return StartPoint{}
	}
	start := m.StartAt
	if m.Start == mailboxes.FromNow && f.CreatedAt.After(start) {
		start = f.CreatedAt
	}
	// INTERNALDATE has whole seconds; an email of the start's own second counts.
	return StartPoint{below: f.StartBelow, start: start.Truncate(time.Second)}
}

// Before reports whether the email is from before the start point.
func (p StartPoint) Before(uid int64, internalDate time.Time) bool {
	return uid < p.below && internalDate.Before(p.start)
}
