package inbox

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// release does what a person decided of an email that was set aside, whatever the rules say of it.
func (p *reprocessing) release() error {
	if err := p.ownKey(); err != nil {
		return err
	}
	// The rules may mark it. That they would set it aside is what the person overrules.
	if err := p.knowSenders([]*reading{p.x}); err != nil {
		return err
	}
	if _, err := p.consult(p.x, p.want.As == AsJoin); err != nil {
		return err
	}
	reason := "released by " + p.decided
	if p.want.As == AsOpen {
		return p.openOne(reason)
	}
	id := p.want.TicketID
	if id == uuid.Nil {
		id = p.again.TicketID.UUID
	}
	if id == uuid.Nil {
		return fault.New(fault.Invalid, "ticket_missing", "the email is held for no ticket; say in ticket_id which one it joins").In("ticket_id")
	}
	t, err := tickets.LockIn(p.tx, id)
	if fault.As(err) != nil {
		return fault.New(fault.Invalid, "ticket_not_found", "there is no ticket %s to join", id).In("ticket_id")
	}
	if err != nil {
		return err
	}
	p.reply(p.x, &tickets.Thread{Ticket: t}, p.boxes[p.x.row.MailboxID])
	p.settle(p.x, Replied, reason, t.ID)
	return nil
}

// acknowledgeable is as for emails that came in, but that a filter's word does not count: whoever releases the
// email says that it is no spam.
func (p *reprocessing) acknowledgeable() bool {
	x, email := *p.x, *p.x.email
	if x.email = &email; email.Class == message.ClassSpam {
		email.Class = message.ClassHuman
	}
	return acknowledgeable(&x)
}

type keyOwner struct {
	EmailID int64 `db:"email_id"`
	Joined  bool  `db:"joined"`
}

// ownKey lets the email stand for all its copies. Where another copy is on a ticket, this one would be there a
// second time.
func (p *reprocessing) ownKey() error {
	owner, _, err := db.One[keyOwner](p.tx, sqlKeyOwner, p.x.key[:])
	if err != nil {
		return fmt.Errorf("find the owner of the key: %w", err)
	}
	if owner.EmailID == p.x.row.ID {
		return nil
	}
	if owner.Joined {
		return fault.New(fault.Conflict, "already_on_ticket", "the same email, inbound email %d, is on a ticket already", owner.EmailID)
	}
	p.tx.Queue(sqlMoveKey, p.x.key[:], p.x.row.ID)
	return nil
}

// rewrite brings the message that the email is up to date; joined is false where it is none.
func (p *reprocessing) rewrite() (joined bool, err error) {
	if !p.again.TicketID.Valid {
		return false, nil
	}
	t, err := tickets.LockIn(p.tx, p.again.TicketID.UUID)
	if err != nil {
		return false, err
	}
	p.again.TicketID.UUID = t.ID // it may have been merged
	m, joined, err := tickets.MessageOfEmail(p.tx, t.ID, p.x.row.ID)
	switch {
	case err != nil || !joined:
		return false, err
	case p.want.As != AsRuled:
		return true, fault.New(fault.Conflict, "already_on_ticket", "the email is on ticket #%d already", t.Number)
	case p.x.unread: // what was read before says more
		return true, nil
	}
	return true, p.rewriteOn(t, m)
}

func (p *reprocessing) rewriteOn(t *tickets.Ticket, m tickets.Message) error {
	x := p.x
	c := contentOf(x)
	missing, err := tickets.Missing(p.tx, m, c.Files)
	if err != nil {
		return err
	}
	c.Files = missing
	now := verdict{r: x, disposition: *p.again.Disposition, reason: *p.again.Reason, ticket: t.ID}
	w := tickets.Rewriting{Message: m, Content: c}
	if now.disposition == Quarantined {
		if w.Asks, err = p.asking(); err != nil {
			return err
		}
		now.disposition, now.reason = Opened, openedReason(x)
	}
	p.compareMessage(m, c)
	p.verdicts = append(p.verdicts, now)
	if len(p.differences) == 0 && w.Asks == nil {
		return nil
	}
	return p.s.tickets.RewriteIn(p.tx, t, w)
}

// asking is who wrote an email that could not be looked into before.
func (p *reprocessing) asking() (*tickets.Asking, error) {
	p.opens = []*reading{p.x}
	linked, err := p.link()
	if err != nil {
		return nil, err
	}
	return &tickets.Asking{From: p.x.from, Cc: inCopy(p.x.email, p.own, p.x.from.Norm), Contact: linked[p.x.from.Norm], Subject: subjectOf(p.x.email)}, nil
}
