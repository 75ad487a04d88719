package tickets

import (
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// ageTo makes a new ticket one of the past: its id sorts, and its age counts, from when it was written.
// Its entry in the record has the time of the import.
func (t *Ticket) ageTo(at time.Time, as Status) {
	t.ID, t.Status = db.NewIDOf(at), as
	t.CreatedAt, t.LastMessageAt = at, at
	if as == Closed {
		t.ClosedAt = &at
	}
}

// KeepIn adds a client's message of the past, whose Content.Past is set, to a ticket that the caller has locked.
// It moves the ticket nowhere, owes no letter and is no news to subscribers.
func (s *Service) KeepIn(tx *db.Tx, t *Ticket, from Person, c Content) Message {
	m := queueMessage(tx, t, authorship{FromClient, Everyone, from}, c)
	t.Messages++
	if m.CreatedAt.After(t.LastMessageAt) {
		t.LastMessageAt = m.CreatedAt
	}
	touch(tx, t, 0)
	recordImport(tx, event.TicketNoted, t, m)
	return m
}

func recordImport(tx *db.Tx, kind event.Kind, t *Ticket, m Message) {
	record(tx, kind, t, map[string]any{"message_id": m.ID, "imported": true, "written_at": m.CreatedAt}, snapshot(t, nil, 0))
}
