package tickets

import (
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/mail/letter"
)

// Reply is a client's message on a ticket that is there.
type Reply struct {
	From    Person
	Content Content
	Reopens bool // a closed ticket opens again
	Marks   Marks
}

// ReplyIn adds a client's reply to a ticket that the caller has locked. An automatic one is noted and
// moves nothing: nobody is waiting for an answer to it.
func (s *Service) ReplyIn(tx *db.Tx, t *Ticket, r Reply) Message {
	m := queueMessage(tx, t, authorship{FromClient, Everyone, r.From}, r.Content)
	before := t.Status
	kind := event.TicketReplied
	switch {
	case r.Content.Automatic:
		kind = event.TicketNoted
	case before != Closed || r.Reopens:
		t.Status = afterReply(before)
	}
	if r.Marks.put(t) {
		tx.Queue(sqlUpdateTicket, t.ID, t.Subject, t.Priority, t.PriorityReasons, t.Tags, t.Custom, t.ContactID, t.ClientID, t.SuggestedClients)
	}
	touch(tx, t, 1)
	detail := r.Marks.tell(map[string]any{"message_id": m.ID, "origin": m.Origin, "status": t.Status})
	record(tx, kind, t, detail, snapshot(t, &m, len(r.Content.Files)))
	if before == Closed && t.Status == Open {
		t.Version++
		tx.Queue(sqlSetVersion, t.ID, t.Version)
		record(tx, event.TicketReopened, t, nil, snapshot(t, nil, 0))
	}
	return m
}

// touch writes the ticket's state after `added` messages and makes the next version of it.
func touch(tx *db.Tx, t *Ticket, added int) {
	t.Version++
	t.Messages += added
	t.UpdatedAt = tx.Now()
	if added > 0 {
		t.LastMessageAt = tx.Now()
	}
	if t.Status != Closed {
		t.ClosedAt = nil
	} else if t.ClosedAt == nil {
		now := tx.Now()
		t.ClosedAt = &now
	}
	tx.Queue(sqlTouchTicket, t.ID, t.Status, t.Version, t.Messages, t.Held, t.LastMessageAt, t.ClosedAt)
}

// Hold is an email that claims to belong to a ticket and was not joined.
type Hold struct {
	Mailbox *mailboxes.Mailbox
	From    Person
	Why     string
	Tell    bool // staff, by letter
}

// HoldIn notes on the ticket that an email was held.
// The email stays where it is: only its existence is told. The ticket keeps its version: a stranger's email is no
// reason to refuse what staff are about to change.
func (s *Service) HoldIn(tx *db.Tx, t *Ticket, h Hold) error {
	t.Held++
	tx.Queue(sqlSetHeld, t.ID, t.Held)
	record(tx, event.EmailHeld, t, map[string]any{"why": h.Why}, snapshot(t, nil, 0))
	if !h.Tell {
		return nil
	}
	look, err := s.desk.Look(tx, "held_notice", h.Mailbox, staff)
	if err != nil {
		return err
	}
	words, err := letter.RenderNotice(letter.Notice{Look: look, Desk: s.desk.FromName(h.Mailbox), TicketNumber: number(t), Subject: t.Subject,
		From: letter.Address{Name: h.From.Name, Address: h.From.Address}, Priority: t.Priority.String(),
		Held: h.Why})
	if err != nil {
		return err
	}
	wording.Note(tx.Context(), "held_notice", words)
	return s.tellStaff(tx, t, h.Mailbox, outbox.HeldNotice, words)
}
