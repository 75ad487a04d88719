package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/mailboxes"
)

// Seen is what the server says of a folder when it is opened.
type Seen struct {
	UIDValidity, UIDNext int64
}

// Scan is how a folder is to be read: everything above After.
type Scan struct {
	After   int64
	Restart bool   // from the beginning, as another generation of UIDs
	Why     string // of a restart
}

// Plan decides from the cursor and from what the server says. UIDVALIDITY changes when the server gives
// UIDs out anew (RFC 3501 section 2.3.1.1); a UIDNEXT that went back tells that the folder was restored
// from a backup and gives UIDs out a second time. Reading again from the beginning is always safe: an
// email that we have is a duplicate.
func Plan(f mailboxes.Folder, s Seen) Scan {
	switch {
	case f.UIDValidity == 0:
		return Scan{Restart: true, Why: "first reading"}
	case f.UIDValidity != s.UIDValidity:
		return Scan{Restart: true, Why: "the server changed UIDVALIDITY"}
	case s.UIDNext > 0 && s.UIDNext <= f.LastUID:
		return Scan{Restart: true, Why: "the server's UIDNEXT went back"}
	}
	return Scan{After: f.LastUID}
}

// Restart begins another generation of the folder's UIDs and returns the folder as it then stands.
func (s *Service) Restart(ctx context.Context, f mailboxes.Folder, seen Seen) (mailboxes.Folder, error) {
	err := s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		f.UIDValidity, f.LastUID = seen.UIDValidity, 0
		return tx.QueryRow(sqlRestartFolder, f.ID, f.UIDValidity).Scan(&f.Generation)
	})
	if err != nil {
		return f, fmt.Errorf("restart folder %d: %w", f.ID, err)
	}
	return f, nil
}

// Fingerprint is what is kept of an email before the start point; it knows the email again when the
// server gives it another UID.
type Fingerprint struct {
	InternalDate time.Time
	Size         int64
}

// StartPoint tells which emails of a folder do not count. On the first reading those are the ones from
// before the start point; later, those that were set aside then and have come back under another UID. An
// old email that somebody moves into the folder afterwards does count.
type StartPoint struct {
	first bool
	start time.Time
	known map[Fingerprint]bool
}

// StartOf prepares the question for a reading that begins anew.
func (s *Service) StartOf(ctx context.Context, m mailboxes.Mailbox, f mailboxes.Folder, first bool) (*StartPoint, error) {
	b := &StartPoint{first: first, start: m.StartAt.Truncate(time.Second), known: map[Fingerprint]bool{}}
	if m.Start == mailboxes.FromAll {
		return &StartPoint{}, nil
	}
	if first {
		return b, nil
	}
	err := s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		rows, err := tx.Query(sqlBeforeStart, f.ID)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var fp Fingerprint
			if err := rows.Scan(&fp.InternalDate, &fp.Size); err != nil {
				return err
			}
			b.known[Fingerprint{fp.InternalDate.UTC(), fp.Size}] = true
		}
		return rows.Err()
	})
	return b, err
}

// Has reports whether the email is from before the start point.
func (b *StartPoint) Has(fp Fingerprint) bool {
	if b == nil {
		return false
	}
	// INTERNALDATE has whole seconds; an email of the start's own second counts.
	if b.first {
		return fp.InternalDate.Before(b.start)
	}
	return b.known[Fingerprint{fp.InternalDate.UTC(), fp.Size}]
}
