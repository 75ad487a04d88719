package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/message"
)

// ErrMoved says that somebody else has read on in this folder: read its cursor again.
var ErrMoved = errors.New("the folder's cursor has moved")

// Arrival is one email of a folder. Bytes is nil where none were fetched; then Disposition says why.
type Arrival struct {
	UID          int64
	Size         int64
	InternalDate time.Time
	Bytes        *blob.Spool
	Oversize     bool // Bytes is only its beginning
	Disposition  string
	Reason       string
}

// ingestBatch is how many emails one job routes, and one commit holds.
const ingestBatch = 50

// Accept writes the ledger's rows of arrivals in rising UID order, with their bytes, moves the folder's
// cursor to lastUID and queues the emails for routing: one commit. Before it returns without an error
// nothing counts as accepted; after it nothing can be lost. The folder must stand as given: ErrMoved.
func (s *Service) Accept(ctx context.Context, f mailboxes.Folder, arrivals []Arrival, lastUID int64) error {
	bytes, err := s.storeBytes(ctx, arrivals)
	if err != nil {
		return err
	}
	rows, err := ledgerRows(arrivals)
	if err != nil {
		return err
	}
	err = s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		at, err := db.Column[int64](tx, sqlLockFolder, f.ID, f.UIDValidity, f.Generation)
		if err != nil {
			return fmt.Errorf("lock folder %d: %w", f.ID, err)
		}
		if len(at) == 0 || at[0] != f.LastUID {
			return ErrMoved
		}
		blob.Queue(tx, bytes.packed)
		ids, err := db.Column[int64](tx, sqlInsertEmails, f.MailboxID, f.ID, f.UIDValidity, f.Generation, rows.uids, rows.sizes,
			rows.dates, rows.sums, rows.messageIDs, rows.oversize, rows.dispositions, rows.reasons)
		if err != nil {
			return fmt.Errorf("write the ledger: %w", err)
		}
		tx.Queue(sqlMoveCursor, f.ID, lastUID)
		enqueueIngest(tx, ids)
		return nil
	})
	if err == nil {
		s.blobs.Remember(bytes.small)
	}
	return err
}

// bytesOf are the arrivals' bytes that go into the ledger's transaction.
type bytesOf struct {
	small  []*blob.Spool
	packed []blob.Packed // the same
}

// storeBytes makes large emails durable, and the others ready for being it.
func (s *Service) storeBytes(ctx context.Context, arrivals []Arrival) (b bytesOf, err error) {
	var large []*blob.Spool
	for _, a := range arrivals {
		switch {
		case a.Bytes == nil:
		case a.Bytes.Large():
			large = append(large, a.Bytes)
		default:
			b.small, b.packed = append(b.small, a.Bytes), append(b.packed, a.Bytes.Pack())
		}
	}
	if err := s.blobs.Put(ctx, large...); err != nil {
		return b, fmt.Errorf("store emails: %w", err)
	}
	return b, nil
}

func enqueueIngest(tx *db.Tx, ids []int64) {
	for len(ids) > 0 {
		n := min(ingestBatch, len(ids))
		tx.Enqueue(jobs.IngestEmails{EmailIDs: ids[:n]})
		ids = ids[n:]
	}
}

// columns of the rows to insert.
type columns struct {
	uids, sizes           []int64
	dates                 []time.Time
	sums                  [][]byte
	messageIDs            []string
	oversize              []bool
	dispositions, reasons []*string
}

func ledgerRows(arrivals []Arrival) (columns, error) {
	var c columns
	for _, a := range arrivals {
		var sum []byte
		id := ""
		if a.Bytes != nil {
			whole := a.Bytes.Sum()
			sum = whole[:]
			head, err := a.Bytes.Head(64 << 10)
			if err != nil {
				return c, fmt.Errorf("read the beginning of an email: %w", err)
			}
			id = message.PeekMessageID(head)
		}
		c.uids, c.sizes, c.dates = append(c.uids, a.UID), append(c.sizes, a.Size), append(c.dates, a.InternalDate)
		c.sums, c.messageIDs, c.oversize = append(c.sums, sum), append(c.messageIDs, id), append(c.oversize, a.Oversize)
		c.dispositions, c.reasons = append(c.dispositions, nullText(a.Disposition)), append(c.reasons, nullText(a.Reason))
	}
	return c, nil
}

func nullText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
