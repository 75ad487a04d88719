package inbox

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// Filter narrows a list of inbound emails; zero fields do not.
type Filter struct {
	Disposition string
	MailboxID   uuid.UUID
	TicketID    uuid.UUID
	From, To    time.Time // when they were accepted
	Pending     bool      // those without a disposition yet
}

// List is newest first; after is the id of the last email of the page before, 0 for the first page.
func (s *Service) List(ctx context.Context, by event.Actor, f Filter, after int64, limit int) ([]Email, error) {
	sql, args := f.query(after, limit)
	var out []Email
	err := s.db.View(ctx, by, func(v *db.View) (err error) {
		out, err = db.All[Email](v, sql, args...)
		return err
	})
	return out, err
}

func (f Filter) query(after int64, limit int) (string, []any) {
	var conditions []string
	var args []any
	where := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, condition+" $"+strconv.Itoa(len(args)))
	}
	if f.Disposition != "" {
		where("disposition =", f.Disposition)
	}
	if f.MailboxID != uuid.Nil {
		where("mailbox_id =", f.MailboxID)
	}
	if f.TicketID != uuid.Nil {
		where("ticket_id =", f.TicketID)
	}
	if !f.From.IsZero() {
		where("accepted_at >=", f.From)
	}
	if !f.To.IsZero() {
		where("accepted_at <", f.To)
	}
	if after != 0 {
		where("id <", after)
	}
	if f.Pending {
		conditions = append(conditions, "disposition is null")
	}
	sql := "select " + emailColumns + " from inbound_emails"
	if len(conditions) > 0 {
		sql += " where " + strings.Join(conditions, " and ")
	}
	args = append(args, limit)
	return sql + " order by id desc limit $" + strconv.Itoa(len(args)), args
}

// Get reads one row of the ledger.
func (s *Service) Get(ctx context.Context, by event.Actor, id int64) (Email, error) {
	var e Email
	err := s.db.View(ctx, by, func(v *db.View) error {
		found, ok, err := db.One[Email](v, sqlEmail, id)
		if err == nil && !ok {
			return fault.New(fault.NotFound, "inbound_email_not_found", "there is no inbound email %d", id)
		}
		e = found
		return err
	})
	return e, err
}

// Raw reads the bytes of an email as they came, and their number. Bytes that were never fetched or are no
// longer kept are a NotFound fault.
func (s *Service) Raw(ctx context.Context, by event.Actor, id int64) (io.Reader, int64, error) {
	e, err := s.Get(ctx, by, id)
	if err != nil {
		return nil, 0, err
	}
	gone := fault.New(fault.NotFound, "raw_gone", "the bytes of inbound email %d are not kept here", id)
	if len(e.SHA256) == 0 {
		return nil, 0, gone
	}
	found, err := s.blobs.Open(ctx, blob.Sum(e.SHA256))
	if err != nil {
		return nil, 0, err
	}
	b := found[blob.Sum(e.SHA256)]
	if b == nil {
		return nil, 0, gone
	}
	return b.Reader(ctx), b.Size, nil
}

// PurgeRaw drops the bytes of up to most emails that were routed that many days ago, unless an attachment or
// another email has the same bytes; the ledger's rows stay.
func (s *Service) PurgeRaw(ctx context.Context, days, most int) (emails int64, err error) {
	err = s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		sums, err := db.Column[[]byte](tx, sqlPurgeRaw, days, most)
		if err != nil {
			return err
		}
		emails = int64(len(sums))
		return blob.Drop(tx, sums)
	})
	return emails, err
}
