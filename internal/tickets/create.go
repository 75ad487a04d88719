package tickets

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/mailboxes"
)

// NewTicket is a ticket opened through the API or the form.
type NewTicket struct {
	Channel     string
	From        Person // the requester; Norm may be empty where ContactID is given
	ContactID   uuid.UUID
	Cc          []Person
	Subject     string
	Body        string
	Files       []File
	MailboxID   uuid.UUID // zero: the desk's first mailbox
	Priority    Priority  // zero: found
	Tags        []string
	Custom      map[string]any
	Acknowledge bool
	Language    string // of a requester who is new, a tag; empty: not known
}

// Create opens a ticket. Files must be stored before.
func (s *Service) Create(ctx context.Context, by event.Actor, n NewTicket) (Ticket, error) {
	if err := n.check(); err != nil {
		return Ticket{}, err
	}
	var created Ticket
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		box, err := mailboxOf(tx, n.MailboxID)
		if err != nil {
			return err
		}
		linked, from, err := requester(tx, n)
		if err != nil {
			return err
		}
		if err := notOurselves(tx, from.Norm); err != nil {
			return err
		}
		numbers, err := ReserveNumbers(tx, 1)
		if err != nil {
			return err
		}
		t, err := s.OpenIn(tx, Opening{Number: numbers[0], Mailbox: box, Channel: n.Channel, Contact: linked, From: from, Cc: n.Cc,
			Subject: n.Subject, Content: Content{Body: n.Body, Files: n.Files}, Priority: n.Priority, Tags: n.Tags, Custom: n.Custom,
			Acknowledge: n.Acknowledge && box != nil && box.Acknowledges})
		if err != nil {
			return err
		}
		created = *t
		return nil
	})
	return created, err
}

func (n NewTicket) check() error {
	switch {
	case strings.TrimSpace(n.Subject) == "" || len(n.Subject) > 1000:
		return fault.New(fault.Invalid, "invalid_subject", "a ticket needs a subject of at most 1000 bytes").In("subject")
	case strings.TrimSpace(n.Body) == "" || len(n.Body) > 1<<20:
		return fault.New(fault.Invalid, "invalid_body", "a ticket needs a text of at most 1 MiB").In("body")
	case n.From.Norm == "" && n.ContactID == uuid.Nil:
		return fault.New(fault.Invalid, "requester_missing", "say who asks: an email address or a contact").In("email")
	}
	return nil
}

// notOurselves refuses the desk as its own requester: no letter would ever leave it.
func notOurselves(tx *db.Tx, norm string) error {
	boxes, err := mailboxes.All(tx)
	if err == nil && isOurs(boxes, norm) {
		return fault.New(fault.Invalid, "own_address", "this is the desk's own address; give the address of who asks").In("email")
	}
	return err
}

// mailboxOf is the mailbox asked for, or the oldest; nil where the desk has none yet.
func mailboxOf(tx *db.Tx, id uuid.UUID) (*mailboxes.Mailbox, error) {
	boxes, err := mailboxes.All(tx)
	if err != nil {
		return nil, err
	}
	for i := range boxes {
		if id == uuid.Nil || boxes[i].ID == id {
			return &boxes[i], nil
		}
	}
	if id != uuid.Nil {
		return nil, fault.New(fault.Invalid, "mailbox_not_found", "there is no such mailbox").In("mailbox_id")
	}
	return nil, nil
}

func requester(tx *db.Tx, n NewTicket) (contacts.Linked, Person, error) {
	if n.ContactID == uuid.Nil {
		linked, err := contacts.Link(tx, []contacts.Sender{{Norm: n.From.Norm, Address: n.From.Address, Name: n.From.Name, Language: n.Language}})
		return linked[n.From.Norm], n.From, err
	}
	c, ok, err := contacts.GetIn(tx, n.ContactID)
	if err == nil && !ok {
		err = fault.New(fault.Invalid, "contact_not_found", "there is no such contact").In("contact_id")
	}
	if err != nil {
		return contacts.Linked{}, Person{}, err
	}
	from := n.From
	if from.Norm == "" && c.EmailNorm != nil {
		from = Person{Address: *c.Email, Norm: *c.EmailNorm, Name: c.Name}
	}
	return contacts.Linked{Contact: c}, from, nil
}
