package inbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
)

// What a folder on the server and the ledger may differ in.
const (
	Missing      = "missing"       // on the server and not in the ledger: accepted then and there
	Unfetched    = "unfetched"     // missing, and the server does not send it
	Gone         = "gone"          // in the ledger and no longer on the server, as after a deletion
	Changed      = "changed"       // the server tells another size or another date of it than before
	Replaced     = "replaced"      // it tells both: the UID was given out a second time, and the folder is read anew
	Renumbered   = "renumbered"    // the server changed UIDVALIDITY; the next poll reads the folder anew
	Unread       = "unread"        // not read yet
	Undecided    = "undecided"     // in the ledger for over an hour without a disposition
	BytesMissing = "bytes_missing" // in the ledger, and its bytes are not in the store
)

// harmless are the differences that say nothing against the ledger.
var harmless = []string{Gone, Changed, Unread, Renumbered}

const (
	maxNamed    = 100 // of each kind of difference
	keepReports = 90  // days
	compareAt   = 2   // o'clock, UTC
)

// Report is what comparing a folder with the ledger found.
type Report struct {
	FolderID    int64     `db:"folder_id"`
	Folder      string    `db:"folder"`
	At          time.Time `db:"at"`
	Server      int64     `db:"server"` // emails there
	Ledger      int64     `db:"ledger"` // rows, of the present generation of UIDs
	Differences []Finding `db:"differences"`
}

// Finding is one kind of difference: how many, and the first ones.
type Finding struct {
	Kind  string  `json:"kind"`
	Count int64   `json:"count"`
	First []Named `json:"first,omitempty"`
}

// Named is an email that differs. EmailID is 0 for one that the ledger does not have.
type Named struct {
	UID     int64 `json:"uid"`
	EmailID int64 `json:"email_id,omitempty"`
}

// Note adds emails to a kind of difference: count of them, the first ones by name.
func (r *Report) Note(kind string, count int64, first ...Named) {
	i := slices.IndexFunc(r.Differences, func(f Finding) bool { return f.Kind == kind })
	if i < 0 {
		i = len(r.Differences)
		r.Differences = append(r.Differences, Finding{Kind: kind})
	}
	f := &r.Differences[i]
	f.Count += count
	f.First = append(f.First, first[:min(len(first), maxNamed-len(f.First))]...)
}

// Count is how many emails differ in that way.
func (r *Report) Count(kind string) int64 {
	for _, f := range r.Differences {
		if f.Kind == kind {
			return f.Count
		}
	}
	return 0
}

// Span is what the server lists of a range of UIDs, above After and up to UpTo: aligned columns.
type Span struct {
	After, UpTo int64
	UIDs, Sizes []int64
	Dates       []time.Time
}

// CompareSpan holds a range of a folder against the ledger, adds what differs to the report and returns the UIDs
// that the ledger does not have.
func (s *Service) CompareSpan(ctx context.Context, f mailboxes.Folder, span Span, r *Report) (missing []int64, err error) {
	type row struct {
		Kind  string  `db:"kind"`
		Count int64   `db:"count"`
		UIDs  []int64 `db:"uids"`
		IDs   []int64 `db:"ids"`
	}
	var rows []row
	err = s.db.View(ctx, event.System("inbox"), func(v *db.View) (err error) {
		rows, err = db.All[row](v, sqlCompareRange, f.ID, f.UIDValidity, f.Generation, span.After, span.UpTo, span.UIDs, span.Sizes, span.Dates, maxNamed)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("compare folder %d with the ledger: %w", f.ID, err)
	}
	for _, row := range rows {
		switch row.Kind {
		case "":
			r.Ledger += row.Count
			continue
		case Missing:
			missing = row.UIDs
			continue // noted once it is accepted
		}
		named := make([]Named, len(row.IDs))
		for i, id := range row.IDs {
			named[i] = Named{UID: row.UIDs[i], EmailID: id}
		}
		r.Note(row.Kind, row.Count, named...)
	}
	return missing, nil
}

// SaveReport keeps a report for 90 days. What speaks against the ledger is recorded in the audit trail too.
func (s *Service) SaveReport(ctx context.Context, m mailboxes.Mailbox, r Report) error {
	if r.Differences == nil {
		r.Differences = []Finding{}
	}
	counts := map[string]int64{}
	for _, f := range r.Differences {
		if !slices.Contains(harmless, f.Kind) {
			counts[f.Kind] = f.Count
		}
	}
	save := func(tx *db.Tx) error {
		tx.Queue(sqlInsertReport, m.ID, r.FolderID, r.Server, r.Ledger, r.Differences)
		tx.Queue(sqlForgetReports, r.FolderID, keepReports)
		return nil
	}
	if len(counts) == 0 {
		return s.db.Bookkeep(ctx, "inbox", save)
	}
	return s.db.Change(ctx, event.System("inbox"), func(tx *db.Tx) error {
		tx.Record(event.Event{Kind: event.MailboxCompared, SubjectID: m.ID.String(), Sequence: int64(m.Version), Label: m.Address,
			Detail: map[string]any{"folder": r.Folder, "differences": counts}})
		return save(tx)
	})
}

// LastReports is the newest report of each folder of a mailbox that was ever compared.
func (s *Service) LastReports(ctx context.Context, by event.Actor, mailbox uuid.UUID) (out []Report, err error) {
	err = s.db.View(ctx, by, func(v *db.View) (err error) {
		out, err = db.All[Report](v, sqlLastReports, mailbox)
		return err
	})
	return out, err
}

// QueueComparisons asks for the comparison of every mailbox with a folder that was not compared since the night
// began, and returns how many. A desk that was down at night does it when it is up again.
func (s *Service) QueueComparisons(ctx context.Context, now time.Time) (n int, err error) {
	night := now.UTC().Add(-compareAt * time.Hour).Truncate(24 * time.Hour).Add(compareAt * time.Hour)
	err = s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		ids, err := db.Column[uuid.UUID](tx, sqlUncompared, night)
		for _, id := range ids {
			tx.Enqueue(jobs.CompareMailbox{MailboxID: id.String()})
		}
		n = len(ids)
		return err
	})
	return n, err
}

// QueueComparison asks for the comparison of one mailbox now.
func (s *Service) QueueComparison(ctx context.Context, mailbox uuid.UUID) error {
	return s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		tx.Enqueue(jobs.CompareMailbox{MailboxID: mailbox.String()})
		return nil
	})
}
