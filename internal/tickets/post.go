package tickets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/mail/letter"
)

// Post is what staff write on a ticket: an answer to everyone or an internal note.
type Post struct {
	Visibility string
	Body       string
	Cc         []Person
	Files      []File
	Bytes      map[blob.Sum]*blob.Spool // of Files, for the letters
}

// Post adds a message of staff. One for everyone is owed to the requester and to everybody in copy, as
// a letter each.
func (s *Service) Post(ctx context.Context, by event.Actor, ticketID uuid.UUID, p Post) (Message, error) {
	if err := p.check(); err != nil {
		return Message{}, err
	}
	var posted Message
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		t, ok, err := db.One[Ticket](tx, sqlLockTicket, ticketID)
		if err != nil {
			return err
		}
		if !ok {
			return notFound(ticketID)
		}
		if t.MergedInto.Valid {
			return mergedAway(&t)
		}
		posted = queueMessage(tx, &t, authorship{FromStaff, p.Visibility, Person{Name: by.Name}}, Content{Body: p.Body, Files: p.Files})
		if p.Visibility == Internal {
			touch(tx, &t, 1)
			record(tx, event.TicketNoted, &t, map[string]any{"message_id": posted.ID, "visibility": Internal}, snapshot(&t, nil, 0))
			return nil
		}
		queueParticipants(tx, &t, Person{}, p.Cc)
		if err := s.answer(tx, &t, &posted, p); err != nil {
			return err
		}
		t.Status = afterAnswer(t.Status)
		touch(tx, &t, 1)
		record(tx, event.TicketReplied, &t, map[string]any{"message_id": posted.ID, "origin": FromStaff, "status": t.Status},
			snapshot(&t, &posted, len(p.Files)))
		return nil
	})
	return posted, err
}

func (p Post) check() error {
	switch {
	case p.Visibility != Internal && p.Visibility != Everyone:
		return fault.New(fault.Invalid, "invalid_visibility", "visibility must be internal or everyone").In("visibility")
	case strings.TrimSpace(p.Body) == "" || len(p.Body) > 1<<20:
		return fault.New(fault.Invalid, "invalid_body", "a message needs a text of at most 1 MiB").In("body")
	case p.Visibility == Internal && len(p.Cc) > 0:
		return fault.New(fault.Invalid, "cc_on_note", "an internal note goes to nobody; leave cc out").In("cc")
	case len(p.Cc) > 20:
		return fault.New(fault.Invalid, "too_many_cc", "at most 20 addresses in copy").In("cc")
	}
	return nil
}

type participant struct {
	Address string `db:"address"`
	Role    string `db:"role"`
	Name    string `db:"name"`
}

// answer owes each participant a letter with a reply address of its own; the header names all of them.
func (s *Service) answer(tx *db.Tx, t *Ticket, m *Message, p Post) error {
	box, err := mailboxOf(tx, t.MailboxID.UUID)
	if err != nil || box == nil {
		return orNoMailbox(err)
	}
	people, err := db.All[participant](tx, sqlParticipants, t.ID)
	if err != nil {
		return fmt.Errorf("find participants: %w", err)
	}
	people, err = withoutOurselves(tx, people)
	if err != nil {
		return err
	}
	if len(people) == 0 {
		return fault.New(fault.Conflict, "no_recipient", "the requester has no email address; write an internal note instead")
	}
	d, err := s.answerDraft(tx, t, m, box)
	if err != nil {
		return err
	}
	for _, who := range people {
		a := letter.Address{Name: who.Name, Address: who.Address}
		if who.Role == "requester" || len(d.To) == 0 {
			d.To = append(d.To, a)
		} else {
			d.Cc = append(d.Cc, a)
		}
	}
	for _, f := range p.Files {
		d.Attachments = append(d.Attachments, attachmentOf(f, p.Bytes[f.Sum]))
	}
	for _, who := range people {
		d.Recipient, d.ReplyTag = who.Address, newReplyTag(tx, t, who.Address)
		if _, err := s.outbox.Queue(tx, d); errors.Is(err, outbox.ErrUnusable) {
			return fault.New(fault.Invalid, "unusable_letter", "the answer cannot be sent: %s", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func orNoMailbox(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "no_mailbox", "the desk has no mailbox to answer from; add one first")
}

// withoutOurselves keeps an answer from going to a mailbox of the desk, which would read it as a loop.
func withoutOurselves(tx *db.Tx, people []participant) ([]participant, error) {
	boxes, err := mailboxes.All(tx)
	return slices.DeleteFunc(people, func(p participant) bool {
		return isOurs(boxes, p.Address)
	}), err
}

func isOurs(boxes []mailboxes.Mailbox, norm string) bool {
	return slices.ContainsFunc(boxes, func(m mailboxes.Mailbox) bool {
		return m.AddressNorm == norm || m.AddressNorm == untagged(norm)
	})
}

// untagged takes the tag off an address: support+x@ is support@.
func untagged(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

func (s *Service) answerDraft(tx *db.Tx, t *Ticket, m *Message, box *mailboxes.Mailbox) (outbox.Draft, error) {
	to, err := contactOf(tx, t)
	if err != nil {
		return outbox.Draft{}, fmt.Errorf("find the contact: %w", err)
	}
	look, err := s.desk.Look(tx, "answer", box, readerOf(to))
	if err != nil {
		return outbox.Draft{}, err
	}
	words := letter.Answer{Look: look, Desk: s.desk.FromName(box), AuthorName: m.AuthorName, TicketNumber: number(t), Subject: t.Subject, Body: m.Body}
	last, ok, err := db.One[Message](tx, sqlLastClientMessage, t.ID)
	if err != nil {
		return outbox.Draft{}, fmt.Errorf("find the client's last message: %w", err)
	}
	if ok {
		words.Quoted = letter.Quoted{Name: or(last.AuthorName, last.AuthorAddress), At: last.CreatedAt, Text: last.Body}
	}
	rendered, err := letter.RenderAnswer(words)
	if err != nil {
		return outbox.Draft{}, err
	}
	wording.Note(tx.Context(), "answer", rendered)
	d := s.draft(t, box, outbox.Answer, rendered)
	d.MessageRef = m.ID
	if d.References, err = db.Column[string](tx, sqlThreadIDs, t.ID); err != nil {
		return outbox.Draft{}, fmt.Errorf("find the thread: %w", err)
	}
	if n := len(d.References); n > 0 {
		d.InReplyTo = d.References[n-1]
	}
	if ok && last.RFCMessageID != "" {
		d.InReplyTo = last.RFCMessageID
		// What came after the parent is none of its ancestors (RFC 5322 section 3.6.4): the thread keeps its root.
		d.References = d.References[:slices.Index(d.References, d.InReplyTo)+1]
	}
	return d, nil
}

func attachmentOf(f File, bytes *blob.Spool) letter.Attachment {
	return letter.Attachment{Name: f.Name, Type: f.Type, Open: func() (io.ReadCloser, error) {
		if bytes == nil {
			return nil, errors.New("the attachment came without its bytes")
		}
		return io.NopCloser(bytes.Reader()), nil
	}}
}

func notFound(id uuid.UUID) error {
	return fault.New(fault.NotFound, "ticket_not_found", "there is no ticket %s", id)
}
