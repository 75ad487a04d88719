package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/tickets"
)

// An imported email lies in a folder that no mail server has: the archive it was read from. It takes the same
// road as any other, and because it is of the past it moves nobody: no letter, no event for subscribers, no
// reopening, no limit.

// importedUIDs is the UIDVALIDITY of archives. One that was written anew begins another generation.
const importedUIDs = 1

// ErrOtherRun says that another run reads the same archive.
var ErrOtherRun = errors.New("another import reads this archive at the same time")

// past reports whether the email was imported.
func (x *reading) past() bool { return x.row.ImportAs != "" }

// written is when an imported email was written, as it says itself. One that says nothing, or a time to come,
// counts from when the archive had it.
func (x *reading) written() time.Time {
	at := x.email.Date
	if at.IsZero() || at.Year() < 1970 || at.After(time.Now()) {
		at = x.row.Arrived
	}
	return at.UTC().Truncate(time.Microsecond)
}

// sourceName is how the ledger knows an archive: a hash, since a path may be longer than a name.
func sourceName(path string) string {
	sum := sha256.Sum256([]byte(path))
	return "import:" + hex.EncodeToString(sum[:8])
}

// OpenSource finds or makes the folder that stands for an archive, an absolute path. as is the status of the
// tickets that its emails open: Open or Closed.
func (s *Service) OpenSource(ctx context.Context, box uuid.UUID, path string, as tickets.Status) (f mailboxes.Folder, err error) {
	err = s.db.Bookkeep(ctx, "import", func(tx *db.Tx) (err error) {
		f, _, err = db.One[mailboxes.Folder](tx, sqlOpenSource, box, sourceName(path), path, as)
		return err
	})
	if err == nil && f.UIDValidity == 0 {
		return s.RestartSource(ctx, f)
	}
	return f, err
}

// FindSource is OpenSource without making one.
func (s *Service) FindSource(ctx context.Context, box uuid.UUID, path string) (f mailboxes.Folder, found bool, err error) {
	err = s.db.View(ctx, event.System("import"), func(v *db.View) (err error) {
		f, found, err = db.One[mailboxes.Folder](v, sqlFindSource, box, sourceName(path))
		return err
	})
	return f, found, err
}

// RestartSource reads an archive from its beginning, since it is not the one that was read before. What comes
// again is a duplicate.
func (s *Service) RestartSource(ctx context.Context, f mailboxes.Folder) (mailboxes.Folder, error) {
	f, err := s.Restart(ctx, f, Seen{UIDValidity: importedUIDs})
	if errors.Is(err, ErrMoved) {
		err = ErrOtherRun
	}
	return f, err
}

// AcceptImported writes the ledger's rows of emails from an archive with their bytes, moves its position to last,
// and returns the rows' ids: one commit. UIDs that are there already are left out. Nothing is queued: the
// caller routes them with Ingest, else the sweep does. The folder must stand as given: ErrOtherRun.
func (s *Service) AcceptImported(ctx context.Context, f mailboxes.Folder, arrivals []Arrival, last int64) (ids []int64, err error) {
	bytes, err := s.storeBytes(ctx, arrivals)
	if err != nil {
		return nil, err
	}
	rows, err := ledgerRows(arrivals)
	if err != nil {
		return nil, err
	}
	err = s.db.Bookkeep(ctx, "import", func(tx *db.Tx) error {
		at, err := db.Column[int64](tx, sqlLockFolder, f.ID, f.UIDValidity, f.Generation)
		if err != nil {
			return fmt.Errorf("lock the archive's row: %w", err)
		}
		if len(at) == 0 || at[0] != f.LastUID {
			return ErrOtherRun
		}
		blob.Queue(tx, bytes.packed)
		ids, err = db.Column[int64](tx, sqlInsertImported, f.MailboxID, f.ID, f.UIDValidity, f.Generation, rows.uids, rows.sizes,
			rows.dates, rows.sums, rows.messageIDs, rows.oversize)
		if err != nil {
			return fmt.Errorf("write the ledger: %w", err)
		}
		tx.Queue(sqlMoveCursor, f.ID, last)
		return nil
	})
	if err == nil {
		s.blobs.Remember(bytes.small)
	}
	return ids, err
}

// Held is which of these UIDs of an archive the ledger has.
func (s *Service) Held(ctx context.Context, f mailboxes.Folder, uids []int64) (map[int64]bool, error) {
	var there []int64
	err := s.db.View(ctx, event.System("import"), func(v *db.View) (err error) {
		there, err = db.Column[int64](v, sqlHeldUIDs, f.ID, f.UIDValidity, f.Generation, uids)
		return err
	})
	held := make(map[int64]bool, len(there))
	for _, uid := range there {
		held[uid] = true
	}
	return held, err
}

// Accepted is what the ledger knows of the email at a position.
type Accepted struct {
	Size     int64  `db:"size"`
	SHA256   []byte `db:"sha256"` // nil once its bytes are no longer kept
	Oversize bool   `db:"oversize"`
}

// Last is the email at the archive's position; found is false where there is none.
func (s *Service) Last(ctx context.Context, f mailboxes.Folder) (a Accepted, found bool, err error) {
	err = s.db.View(ctx, event.System("import"), func(v *db.View) (err error) {
		a, found, err = db.One[Accepted](v, sqlAtPosition, f.ID, f.UIDValidity, f.Generation, f.LastUID)
		return err
	})
	return a, found, err
}

// Unrouted lists emails of these folders that have no disposition yet, in rising order from above the id after.
func (s *Service) Unrouted(ctx context.Context, folders []int64, after int64, limit int) (ids []int64, err error) {
	err = s.db.View(ctx, event.System("import"), func(v *db.View) (err error) {
		ids, err = db.Column[int64](v, sqlUnroutedOfFolders, folders, after, limit)
		return err
	})
	return ids, err
}

// Counted is how many emails have a disposition; an empty one: none yet.
type Counted struct {
	Disposition string `db:"disposition"`
	Emails      int    `db:"emails"`
}

// Counts counts all emails of these folders by disposition.
func (s *Service) Counts(ctx context.Context, folders []int64) (out []Counted, err error) {
	err = s.db.View(ctx, event.System("import"), func(v *db.View) (err error) {
		out, err = db.All[Counted](v, sqlCountOfFolders, folders)
		return err
	})
	return out, err
}

// KnownKeys counts how many of these emails, by their content, the desk has already.
func (s *Service) KnownKeys(ctx context.Context, keys [][32]byte) (int, error) {
	asked := make([][]byte, len(keys))
	for i := range keys {
		asked[i] = slices.Clone(keys[i][:])
	}
	var known [][]byte
	err := s.db.View(ctx, event.System("import"), func(v *db.View) (err error) {
		known, err = db.Column[[]byte](v, sqlKnownKeys, asked)
		return err
	})
	return len(known), err
}
