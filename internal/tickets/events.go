package tickets

import (
	"strconv"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/webhooks"
)

// snapshot is the ticket as subscribers see it; m may be nil, and an internal one never leaves.
func snapshot(t *Ticket, m *Message, files int) webhooks.Ticket {
	s := webhooks.Ticket{ID: t.ID.String(), Number: t.Number, ClientID: idText(t.ClientID), ContactID: idText(t.ContactID),
		MailboxID: idText(t.MailboxID), Channel: t.Channel, Subject: t.Subject, Status: string(t.Status),
		Priority: t.Priority.String(), PriorityReasons: t.PriorityReasons, Tags: t.Tags, Authenticity: t.Authenticity,
		CreatedAt: t.CreatedAt, Sequence: int64(t.Version)}
	if m != nil && m.Visibility == Everyone {
		s.Message = &webhooks.Message{ID: m.ID.String(), Origin: m.Origin, Attachments: files}
	}
	return s
}

func idText(id uuid.NullUUID) string {
	if !id.Valid {
		return ""
	}
	return id.UUID.String()
}

// record makes the event of a ticket at its present version.
func record(tx *db.Tx, kind event.Kind, t *Ticket, detail map[string]any, data webhooks.Ticket) {
	tx.Record(event.Event{Kind: kind, ClientID: t.ClientID.UUID, SubjectID: t.ID.String(), Sequence: int64(t.Version),
		Label: "#" + strconv.FormatInt(t.Number, 10), Detail: detail, Data: data})
}

// recordMerge makes the events of both tickets: the source is gone, the target has changed.
func recordMerge(tx *db.Tx, source, target *Ticket, kind event.Kind, detail map[string]any) {
	into := snapshot(target, nil, 0)
	tx.Record(event.Event{Kind: event.TicketMerged, ClientID: target.ClientID.UUID, SubjectID: source.ID.String(),
		Sequence: int64(source.Version), Label: "#" + strconv.FormatInt(source.Number, 10),
		Detail: map[string]any{"into": map[string]any{"id": target.ID, "number": target.Number}, "messages": detail["messages"]},
		Data:   webhooks.MergedTicket{ID: source.ID.String(), Number: source.Number, Sequence: int64(source.Version), Into: into}})
	record(tx, kind, target, detail, into)
}
