package inbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// stored is a row that is to be routed.
type stored struct {
	ID         int64     `db:"id"`
	MailboxID  uuid.UUID `db:"mailbox_id"`
	SHA256     []byte    `db:"sha256"`
	Size       int64     `db:"size"`
	Arrived    time.Time `db:"internal_date"`
	MessageID  string    `db:"message_id"`
	Oversize   bool      `db:"oversize"`
	Attempts   int       `db:"attempts"`
	Accepted   time.Time `db:"accepted_at"`
	WaitsStill bool      `db:"waits_still"` // it may still wait for its parent
	ImportAs   string    `db:"import_as"`   // the status of a ticket that it opens, of an imported one
}

// reading is a stored email and what it means.
type reading struct {
	row   stored
	email *message.Email
	key   [32]byte // knows the same email again
	from  tickets.Person
	files []tickets.File
	bytes []blob.Packed // of small files; they are stored with the email's ticket

	form     bool // a form wrote it as the desk; from is who its Reply-To names
	unread   bool // it could not be looked into
	original bool // the email itself goes along as a file

	outcome rules.Outcome // of the desk's rules
}

// After textAloneAfter attempts an email whose attachments cannot be stored is taken without them; after
// poisonAfter attempts an email is no longer looked into: something in it kills. An attempt that failed through
// no fault of the email is taken back.
const (
	textAloneAfter = 2
	poisonAfter    = 5
)

// claim reads the rows that have no disposition and counts the attempt, so that an email that kills the
// process is known by it.
func (s *Service) claim(ctx context.Context, sql string, ids []int64) ([]stored, error) {
	var rows []stored
	owed := s.owed.take()
	err := s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) (err error) {
		if len(owed) > 0 {
			tx.Queue(sqlUncount, owed)
		}
		rows, err = db.All[stored](tx, sql, ids, s.rules.ReplyWait)
		if err == nil && len(rows) == 0 && len(owed) == 0 {
			return db.NoChange
		}
		return err
	})
	if err != nil {
		s.owed.add(owed)
	}
	slices.SortFunc(rows, func(a, b stored) int { return cmp.Compare(a.ID, b.ID) })
	return rows, err
}

// triedBefore finds the emails that have no disposition although somebody claimed them before.
func (s *Service) triedBefore(ctx context.Context, ids []int64, fresh []stored) (again []int64, err error) {
	err = s.db.View(ctx, event.System("inbox"), func(v *db.View) (err error) {
		again, err = db.Column[int64](v, sqlUnrouted, ids)
		return err
	})
	return slices.DeleteFunc(again, func(id int64) bool {
		return slices.ContainsFunc(fresh, func(row stored) bool { return row.ID == id })
	}), err
}

// readAll parses the emails, outside of any transaction, and stores their attachments but the small ones. One
// that cannot be read now does not keep the others waiting.
func (s *Service) readAll(ctx context.Context, rows []stored, failed *failures) []*reading {
	sums := make([]blob.Sum, len(rows))
	for i, row := range rows {
		copy(sums[i][:], row.SHA256) // a row without bytes opens as unreadable
	}
	blobs, err := s.blobs.Open(ctx, sums...)
	if err != nil {
		failed.add(fmt.Errorf("open emails: %w", err), rows...)
		return nil
	}
	readings, errs := make([]*reading, len(rows)), make([]error, len(rows))
	var room atomic.Int64
	room.Store(maxGathered)
	var wait sync.WaitGroup
	slots := make(chan struct{}, 2) // parsing is bound by the processor
	for i, row := range rows {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			readings[i], errs[i] = s.readOne(ctx, row, blobs[sums[i]], &room)
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			failed.add(err, rows[i])
		}
	}
	return slices.DeleteFunc(readings, func(r *reading) bool { return r == nil })
}

// Small files wait in memory for the commit of their ticket: one of up to gathered bytes, all emails of a job
// together up to maxGathered, packed.
const (
	gathered    = 256 << 10
	maxGathered = 8 << 20
)

func (s *Service) readOne(ctx context.Context, row stored, b *blob.Blob, room *atomic.Int64) (*reading, error) {
	if b == nil {
		return unreadable(row, "its bytes are missing from the store", false), nil
	}
	if row.Attempts > poisonAfter {
		return unreadable(row, fmt.Sprintf("reading it was given up after %d attempts", row.Attempts-1), true), nil
	}
	if row.Attempts > 1 { // something of it fails: its files are tried apart from its ticket
		return s.understand(ctx, row, b, s.blobs.Put)
	}
	var small []blob.Packed
	r, err := s.understand(ctx, row, b, func(ctx context.Context, spools ...*blob.Spool) error {
		rest := slices.DeleteFunc(slices.Clone(spools), func(spool *blob.Spool) bool {
			if spool.Size() > gathered || room.Load() <= 0 {
				return false
			}
			packed := spool.Pack()
			room.Add(-int64(packed.Len()))
			small = append(small, packed)
			return true
		})
		return s.blobs.Put(ctx, rest...)
	})
	if err == nil {
		r.bytes = small
	}
	return r, err
}

// understand parses an email; put stores what is attached to it.
func (s *Service) understand(ctx context.Context, row stored, b *blob.Blob, put func(context.Context, ...*blob.Spool) error) (*reading, error) {
	r := &reading{row: row}
	var spools []*blob.Spool
	defer func() {
		for _, spool := range spools {
			spool.Close()
		}
	}()
	keep := func(a *message.Attachment, content io.Reader) error {
		spool, err := blob.NewSpool(content)
		if err != nil {
			return err
		}
		spools = append(spools, spool)
		return nil
	}
	if err := s.parse(ctx, r, b, keep); err != nil {
		return nil, fmt.Errorf("email %d: %w", row.ID, err)
	}
	if r.email == nil {
		return unreadable(row, "reading it failed", true), nil
	}
	if err := put(ctx, spools...); err == nil {
		r.files = filesOf(r.email, spools)
	} else if row.Attempts <= textAloneAfter || ctx.Err() != nil {
		return nil, fmt.Errorf("attachments of email %d: %w", row.ID, err)
	} else {
		r.original = true
		r.email.Problems = append(r.email.Problems, "its attachments could not be stored; the original is attached")
	}
	if r.email.Raw && !r.original {
		r.original = true
		r.email.Problems = append(r.email.Problems, "some of the text is bytes as they came; the original is attached")
	}
	r.knowSender()
	return r, nil
}

// knowSender takes who wrote it from the From field. What cannot be an address is kept as a name: nobody can be
// answered there, but staff see who it was.
func (r *reading) knowSender() {
	said := r.email.From
	if norm, ok := message.NormalizeAddress(said.Address); ok {
		r.from = tickets.Person{Address: said.Address, Norm: norm, Name: bounded(message.CleanLine(said.Name), maxName)}
		return
	}
	name := said.Name
	if said.Address != "" {
		if name = said.Address; said.Name != "" {
			name = said.Name + " <" + said.Address + ">"
		}
		r.email.Problems = append(r.email.Problems, "the sender's address cannot be one, so that answers have no way: "+said.Address)
	}
	r.from = tickets.Person{Name: bounded(message.CleanLine(name), maxName)}
}

// parse guards against what parsing must never do. A panic leaves r.email nil: the text is not lost,
// since the original is attached.
func (s *Service) parse(ctx context.Context, r *reading, b *blob.Blob, keep func(*message.Attachment, io.Reader) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.email, err = nil, nil
			logPanic(r.row.ID, p, debug.Stack())
		}
	}()
	if r.email, err = s.parser(b.Reader(ctx), s.rules.Parsing, keep); err != nil {
		return err
	}
	if r.key = r.email.ContentKey; r.email.MessageID == "" {
		r.key = keyWithoutID(r.key, r.row.Arrived)
	}
	return nil
}

// keyWithoutID tells programs' emails apart that send the same words again and again without a
// Message-ID: they are the same email only where they arrived in the same second.
func keyWithoutID(key [32]byte, arrived time.Time) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(key[:], uint64(arrived.Unix())))
}

// filesOf pairs the attachments with what was kept of them, in the order they came. One that a limit cut
// off has no stored bytes and stays in the original alone.
func filesOf(e *message.Email, spools []*blob.Spool) []tickets.File {
	bySum := make(map[[32]byte]*blob.Spool, len(spools))
	for _, spool := range spools {
		bySum[spool.Sum()] = spool
	}
	var files []tickets.File
	for _, a := range e.Attachments {
		if spool := bySum[a.SHA256]; spool != nil {
			files = append(files, tickets.File{Name: a.Name, Type: a.Type, Size: spool.Size(), Sum: spool.Sum(), Inline: a.Inline, ContentID: a.ContentID})
		}
	}
	return files
}

// unreadable stands for an email that cannot be looked into: a ticket says so, with the original attached
// where it is there.
func unreadable(row stored, why string, stored bool) *reading {
	e := &message.Email{MessageID: row.MessageID, Subject: "An email that could not be read", Class: message.ClassHuman,
		Text: "This email could not be read: " + why + ".", Problems: []string{why}}
	if stored {
		e.Text += " The original is attached."
	}
	e.Reply = e.Text
	r := &reading{row: row, email: e, unread: true, original: stored}
	if copy(r.key[:], row.SHA256) == 0 {
		binary.BigEndian.PutUint64(r.key[:], uint64(row.ID)) // no bytes: like no other
	}
	return r
}
