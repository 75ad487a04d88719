package wording

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/mail/letter"
)

// Trial is a letter about a made-up ticket.
type Trial struct {
	Template Template // its Text empty: what is in force for its mailbox and language
	To       string   // a staff address of the mailbox, or the operator's
	Operator string
}

// Sample writes the letter of a trial; nothing is kept and nothing leaves. Without a mailbox it is that of the oldest.
func (d Desk) Sample(ctx context.Context, by event.Actor, t Trial) (letter.Rendered, error) {
	var written letter.Rendered
	err := d.Wording.db.View(ctx, by, func(v *db.View) (err error) {
		m, err := mailboxOf(v, t.Template.MailboxID)
		if err != nil {
			return err
		}
		written, err = d.sample(v, m, t.Template)
		return err
	})
	return written, err
}

// Try sends the letter of a trial, to staff alone: nobody else asked for it.
func (d Desk) Try(ctx context.Context, by event.Actor, t Trial) (outbox.Letter, error) {
	var queued outbox.Letter
	err := d.Wording.db.Change(ctx, by, func(tx *db.Tx) error {
		m, err := mailboxOf(tx, t.Template.MailboxID)
		if err != nil {
			return err
		}
		if m.ID == uuid.Nil {
			return fault.New(fault.Conflict, "no_mailbox", "the desk has no mailbox to send from; add one first")
		}
		allowed := m.StaffAddresses
		if t.Operator != "" {
			allowed = append(slices.Clone(allowed), t.Operator)
		}
		if !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, t.To) }) {
			return fault.New(fault.Forbidden, "not_staff_address", "a trial goes to a staff address of the mailbox or to the operator's").In("to")
		}
		written, err := d.sample(tx, m, t.Template)
		if err != nil {
			return err
		}
		queued, err = d.Wording.outbox.Queue(tx, outbox.Draft{Kind: outbox.Trial, Mailbox: m, Recipient: t.To,
			To: []letter.Address{{Address: t.To}}, FromName: d.FromName(&m), Words: written})
		if errors.Is(err, outbox.ErrUnusable) {
			return fault.New(fault.Invalid, "unusable_letter", "the trial cannot be sent: %s", err)
		}
		if err != nil {
			return err
		}
		tx.Record(event.Event{Kind: event.TemplateTried, SubjectID: queued.ID.String(), Sequence: 1, Label: t.Template.Name + " " + t.Template.Language})
		return nil
	})
	return queued, err
}

// mailboxOf is the mailbox that is named, else the oldest; the zero one where the desk has none.
func mailboxOf(r db.Reader, id uuid.NullUUID) (mailboxes.Mailbox, error) {
	boxes, err := mailboxes.All(r)
	if err != nil || len(boxes) == 0 && !id.Valid {
		return mailboxes.Mailbox{}, err
	}
	if !id.Valid {
		return boxes[0], nil
	}
	i := slices.IndexFunc(boxes, func(m mailboxes.Mailbox) bool { return m.ID == id.UUID })
	if i < 0 {
		return mailboxes.Mailbox{}, fault.New(fault.NotFound, "mailbox_not_found", "there is no mailbox %s", id.UUID).In("mailbox_id")
	}
	return boxes[i], nil
}

// sample fails where the template does: whoever tries one wants to know.
func (d Desk) sample(r db.Reader, m mailboxes.Mailbox, t Template) (letter.Rendered, error) {
	if err := t.check(); err != nil {
		return letter.Rendered{}, err
	}
	look, err := d.Look(r, t.Name, &m, Reader{Languages: []string{t.Language}})
	if err != nil {
		return letter.Rendered{}, err
	}
	if t.Text+t.HTML != "" {
		if look.Template, err = Compile(t); err != nil {
			return letter.Rendered{}, err
		}
	}
	written, err := letter.Sample(t.Name, look, d.FromName(&m))
	if err == nil && written.Failed != nil {
		err = fault.New(fault.Invalid, "invalid_template", "%s", written.Failed)
	}
	return written, err
}
