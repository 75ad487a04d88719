package tickets

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// Patch is what may be changed of a ticket; nil leaves a field as it is.
type Patch struct {
	Status    *Status
	Priority  *Priority
	Subject   *string
	Tags      *[]string
	Custom    *map[string]any
	ContactID *uuid.UUID // links the ticket to the contact and to its client
}

// Update changes a ticket that is still at that version, or at any where that is 0; a later one is a Stale
// fault, a move that the states do not have is a Conflict.
func (s *Service) Update(ctx context.Context, by event.Actor, id uuid.UUID, version int, p Patch) (Ticket, error) {
	var t Ticket
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		found, ok, err := db.One[Ticket](tx, sqlLockTicket, id)
		if err != nil {
			return err
		}
		if t = found; !ok {
			return notFound(id)
		}
		if t.MergedInto.Valid {
			return mergedAway(&t)
		}
		if version != 0 && t.Version != version {
			return fault.New(fault.Stale, "stale_version", "the ticket was changed meanwhile; read it again")
		}
		before := t.Status
		changed, err := p.apply(tx, &t)
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			return db.NoChange
		}
		tx.Queue(sqlUpdateTicket, t.ID, t.Subject, t.Priority, t.PriorityReasons, t.Tags, t.Custom, t.ContactID, t.ClientID, t.SuggestedClients)
		touch(tx, &t, 0)
		record(tx, kindOf(before, t.Status), &t, changed, snapshot(&t, nil, 0))
		return nil
	})
	return t, err
}

func kindOf(before, after Status) event.Kind {
	switch {
	case before != Closed && after == Closed:
		return event.TicketClosed
	case before == Closed && after != Closed:
		return event.TicketReopened
	}
	return event.TicketUpdated
}

// apply changes the ticket in memory and returns what is new, by field, for the audit entry.
func (p Patch) apply(tx *db.Tx, t *Ticket) (map[string]any, error) {
	changed := map[string]any{}
	if p.Status != nil {
		if err := move(t.Status, *p.Status); err != nil {
			return nil, err
		}
		if t.Status != *p.Status {
			changed["status"] = map[string]any{"from": t.Status, "to": *p.Status}
			t.Status = *p.Status
		}
	}
	if p.Priority != nil && t.Priority != *p.Priority {
		changed["priority"] = map[string]any{"from": t.Priority.String(), "to": p.Priority.String()}
		t.Priority, t.PriorityReasons = *p.Priority, []string{"set by " + or(tx.Actor().Name, "staff")}
	}
	if p.Subject != nil && t.Subject != *p.Subject {
		if *p.Subject == "" || len(*p.Subject) > 1000 {
			return nil, fault.New(fault.Invalid, "invalid_subject", "a ticket needs a subject of at most 1000 bytes").In("subject")
		}
		changed["subject"] = true
		t.Subject = *p.Subject
	}
	if p.Tags != nil {
		changed["tags"] = *p.Tags
		t.Tags = *p.Tags
	}
	if p.Custom != nil {
		changed["custom"] = true
		t.Custom = *p.Custom
	}
	if p.ContactID != nil && t.ContactID.UUID != *p.ContactID {
		changed["contact_id"] = *p.ContactID
		return changed, link(tx, t, *p.ContactID)
	}
	return changed, nil
}

// link moves the whole thread to the contact's client: what a client may see follows the ticket.
func link(tx *db.Tx, t *Ticket, contactID uuid.UUID) error {
	clients, err := db.Column[uuid.NullUUID](tx, sqlContactClient, contactID)
	if err != nil {
		return fmt.Errorf("find the contact: %w", err)
	}
	if len(clients) == 0 {
		return fault.New(fault.Invalid, "contact_not_found", "there is no such contact").In("contact_id")
	}
	t.ContactID, t.ClientID = uuid.NullUUID{UUID: contactID, Valid: true}, clients[0]
	if t.ClientID.Valid {
		t.SuggestedClients = []uuid.UUID{} // taken
	}
	for _, sql := range []string{sqlLinkMessages, sqlLinkAttachments, sqlLinkParticipants, sqlLinkLetters, sqlLinkShells} {
		tx.Queue(sql, t.ID, t.ClientID)
	}
	return nil
}
