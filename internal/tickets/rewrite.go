package tickets

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// LockIn locks a ticket in the caller's transaction; of one that was merged, the ticket that has its thread.
func LockIn(tx *db.Tx, id uuid.UUID) (*Ticket, error) {
	byID, err := lockThreads(tx, []uuid.UUID{id})
	if err != nil {
		return nil, fmt.Errorf("lock a ticket: %w", err)
	}
	t := byID[id]
	if t == nil {
		return nil, notFound(id)
	}
	for t.MergedInto.Valid {
		t = byID[t.MergedInto.UUID]
	}
	return t, nil
}

// MessageOfEmail finds what an inbound email said on a ticket; found is false where it is none of its messages.
func MessageOfEmail(r db.Reader, ticketID uuid.UUID, emailID int64) (m Message, found bool, err error) {
	return db.One[Message](r, sqlMessageOfEmail, ticketID, emailID)
}

// Rewriting is what an email says that was read again.
type Rewriting struct {
	Message Message // as it is
	Content Content
	Asks    *Asking // where nothing was understood before: who asks, about what
}

// Asking is who opened a ticket, and what about.
type Asking struct {
	From    Person
	Cc      []Person
	Contact contacts.Linked
	Subject string
}

// Missing is the files of the content that a message does not have yet.
func Missing(r db.Reader, m Message, files []File) ([]File, error) {
	there, err := attachmentsOf(r, []Message{m})
	if err != nil {
		return nil, fmt.Errorf("find attachments: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(files), func(f File) bool {
		return slices.ContainsFunc(there, func(a Attachment) bool { return slices.Equal(a.SHA256, f.Sum[:]) })
	}), nil
}

// RewriteIn puts what an email says in the place of what was read in it before, on a ticket that the caller has
// locked. The content's files are added; none is taken away. Nobody is written to and the status stays.
func (s *Service) RewriteIn(tx *db.Tx, t *Ticket, w Rewriting) error {
	m, c := w.Message, w.Content
	problems := c.Problems
	if problems == nil {
		problems = []string{}
	}
	var from Person
	if w.Asks != nil {
		from = w.Asks.From
		if err := asks(tx, t, *w.Asks); err != nil {
			return err
		}
	}
	tx.Queue(sqlRewriteMessage, m.ID, c.Body, nullText(c.FullText), nullText(c.HTML), problems, from.Name, from.Norm)
	for _, f := range c.Files {
		tx.Insert(intoAttachments, db.NewID(), m.ID, t.ID, t.ClientID, m.Visibility, f.Name, f.Type, f.Size, f.Sum[:], f.Inline, f.ContentID)
	}
	touch(tx, t, 0)
	record(tx, event.TicketUpdated, t, map[string]any{"message_id": m.ID, "read_again": true}, snapshot(t, &m, len(c.Files)))
	return nil
}

// asks gives a ticket that could not be understood its subject and its requester.
func asks(tx *db.Tx, t *Ticket, a Asking) error {
	t.Subject = a.Subject
	if t.RequesterAddress == "" && a.From.Norm != "" {
		t.RequesterAddress, t.RequesterName = a.From.Norm, or(a.From.Name, a.Contact.Contact.Name)
		tx.Queue(sqlSetRequester, t.ID, t.RequesterAddress, t.RequesterName)
		if known := a.Contact.Contact.ID; known != uuid.Nil && !t.ContactID.Valid {
			if err := link(tx, t, known); err != nil {
				return err
			}
		}
		if !t.ClientID.Valid {
			t.SuggestedClients = append([]uuid.UUID{}, a.Contact.Suggested...)
		}
		queueParticipants(tx, t, a.From, a.Cc)
	}
	tx.Queue(sqlUpdateTicket, t.ID, t.Subject, t.Priority, t.PriorityReasons, t.Tags, t.Custom, t.ContactID, t.ClientID, t.SuggestedClients)
	return nil
}

// LessHeldIn takes one from the emails that a ticket's thread was kept from: it is held no longer.
func LessHeldIn(tx *db.Tx, id uuid.UUID) { tx.Queue(sqlLessHeld, id) }
