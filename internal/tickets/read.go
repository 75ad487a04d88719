package tickets

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// maxThread bounds how many messages are read with their ticket.
const maxThread = 200

// Full is a ticket with the newest 200 messages of its thread, oldest first, and their attachments.
type Full struct {
	Ticket       Ticket
	Messages     []Message
	Earlier      bool // there are messages before these, see Messages
	Attachments  []Attachment
	Participants []participant
}

// Get reads a ticket with the end of its thread.
func (s *Service) Get(ctx context.Context, by event.Actor, id uuid.UUID) (Full, error) {
	var f Full
	err := s.db.View(ctx, by, func(v *db.View) error {
		t, ok, err := db.One[Ticket](v, sqlTicket, id)
		if err != nil {
			return err
		}
		if !ok {
			return notFound(id)
		}
		f.Ticket = t
		if f.Messages, err = db.All[Message](v, sqlMessagesOfTicket, id, nil, maxThread+1); err != nil {
			return err
		}
		if f.Earlier = len(f.Messages) > maxThread; f.Earlier {
			f.Messages = f.Messages[:maxThread]
		}
		slices.Reverse(f.Messages)
		if f.Attachments, err = attachmentsOf(v, f.Messages); err != nil {
			return err
		}
		f.Participants, err = db.All[participant](v, sqlParticipants, id)
		return err
	})
	return f, err
}

// Messages reads a part of a thread, newest first, with the attachments; before is the id of the oldest
// message that was read already, zero for the newest ones.
func (s *Service) Messages(ctx context.Context, by event.Actor, id, before uuid.UUID, limit int) (found []Message, files []Attachment, err error) {
	err = s.db.View(ctx, by, func(v *db.View) error {
		if _, ok, err := db.One[Ticket](v, sqlTicket, id); err != nil || !ok {
			return cmp.Or(err, notFound(id))
		}
		if found, err = db.All[Message](v, sqlMessagesOfTicket, id, db.NullID(before), limit); err != nil {
			return err
		}
		files, err = attachmentsOf(v, found)
		return err
	})
	return found, files, err
}

func attachmentsOf(r db.Reader, messages []Message) ([]Attachment, error) {
	ids := make([]uuid.UUID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return db.All[Attachment](r, sqlAttachmentsOfMessages, ids)
}

// Files reads the attachments of one message.
func (s *Service) Files(ctx context.Context, by event.Actor, m Message) (files []Attachment, err error) {
	err = s.db.View(ctx, by, func(v *db.View) error {
		files, err = attachmentsOf(v, []Message{m})
		return err
	})
	return files, err
}

// Attachment finds one file.
func (s *Service) Attachment(ctx context.Context, by event.Actor, id uuid.UUID) (Attachment, error) {
	var a Attachment
	err := s.db.View(ctx, by, func(v *db.View) error {
		found, ok, err := db.One[Attachment](v, sqlAttachment, id)
		if err == nil && !ok {
			return fault.New(fault.NotFound, "attachment_not_found", "there is no attachment %s", id)
		}
		a = found
		return err
	})
	return a, err
}

// Filter narrows a list of tickets; zero fields do not.
type Filter struct {
	Status    Status
	Priority  Priority
	ClientID  uuid.UUID
	ContactID uuid.UUID
	MailboxID uuid.UUID
	Tag       string
	Words     string // in the subject, the requester's name and address, or the number
	From, To  time.Time
	Custom    map[string]string
	Merged    bool // the shells that merging left, which no other list shows

	// Undelivered is those whose newest answer did not reach everybody; for staff.
	Undelivered bool
}

// The orders of a list.
const (
	Newest = "newest"
	Queue  = "queue" // what is to be done first: priority, then age; closed ones are left out
)

// Cursor is where a page ended.
type Cursor struct {
	ID       uuid.UUID
	Priority Priority
}

// Page is a part of a list: its order, where the page before ended (zero: from the beginning) and how
// many tickets at most.
type Page struct {
	Sort  string
	After Cursor
	Limit int
}

// After is the cursor of a list that ends with this ticket.
func After(t Ticket) Cursor { return Cursor{ID: t.ID, Priority: t.Priority} }

// List finds tickets.
func (s *Service) List(ctx context.Context, by event.Actor, f Filter, p Page) ([]Ticket, error) {
	if err := f.allowed(by); err != nil {
		return nil, err
	}
	q, after := f.query(), p.After
	switch p.Sort {
	case Queue:
		q.where("status <> 'closed'")
		if after.ID != uuid.Nil {
			q.where("(priority, id) > (?, ?)", int(after.Priority), after.ID)
		}
	case Newest:
		if after.ID != uuid.Nil {
			q.where("id < ?", after.ID)
		}
	default:
		return nil, fault.New(fault.Invalid, "invalid_sort", "sort must be newest or queue").In("sort")
	}
	order := map[string]string{Newest: " order by id desc", Queue: " order by priority, id"}[p.Sort]
	sql, args := q.build("select "+ticketColumns+" from tickets", order, p.Limit)
	var out []Ticket
	err := s.db.View(ctx, by, func(v *db.View) (err error) {
		out, err = db.All[Ticket](v, sql, args...)
		return err
	})
	return out, err
}

// Counts is how many tickets there are of each status, narrowed as a list would be.
func (s *Service) Counts(ctx context.Context, by event.Actor, f Filter) (map[Status]int64, error) {
	if err := f.allowed(by); err != nil {
		return nil, err
	}
	counts := map[Status]int64{}
	for _, status := range Statuses {
		counts[status] = 0
	}
	q := f.query()
	sql, args := q.build("select status, count(*) from tickets", " group by status", 0)
	err := s.db.View(ctx, by, func(v *db.View) error {
		rows, err := v.Query(sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var status Status
			var n int64
			if err := rows.Scan(&status, &n); err != nil {
				return err
			}
			counts[status] = n
		}
		return rows.Err()
	})
	return counts, err
}
