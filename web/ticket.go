package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/tickets"
)

// Ticket is a ticket as the API shows it.
type Ticket struct {
	ID               uuid.UUID      `json:"id" format:"uuid"`
	Number           int64          `json:"number" doc:"What people call it by"`
	Subject          string         `json:"subject"`
	Status           string         `json:"status" enum:"open,in_progress,waiting,closed"`
	Priority         string         `json:"priority" enum:"high,medium,low"`
	PriorityReasons  []string       `json:"priority_reasons" nullable:"false"`
	Contact          *TicketContact `json:"contact" doc:"Who asks; null where the ticket is linked to nobody"`
	ClientID         *uuid.UUID     `json:"client_id" format:"uuid" doc:"Null where no client is known"`
	SuggestedClients []uuid.UUID    `json:"suggested_clients" nullable:"false" doc:"Clients that it may belong to: for a person to decide"`
	Tags             []string       `json:"tags" nullable:"false"`
	Custom           map[string]any `json:"custom" doc:"Fields of the desk's own"`
	Authenticity     string         `json:"authenticity" enum:"pass,none,fail,temperror" doc:"Whether the sender's address is proved"`
	Channel          string         `json:"channel" enum:"email,form,api"`
	MailboxID        *uuid.UUID     `json:"mailbox_id" format:"uuid"`
	Requester        Person         `json:"requester"`
	MessagesCount    int            `json:"messages_count"`
	Held             int            `json:"held" doc:"Emails that claim to belong to it and were not joined"`
	Burst            bool           `json:"burst" doc:"It takes the rest of a flood from one address"`
	Version          int            `json:"version" doc:"The ETag without its quotes"`
	CreatedAt        time.Time      `json:"created_at"`
	UpdatedAt        time.Time      `json:"updated_at"`
	LastMessageAt    time.Time      `json:"last_message_at"`
	ClosedAt         *time.Time     `json:"closed_at"`
	MergedInto       *MergedInto    `json:"merged_into" doc:"The ticket that has its thread now; null where it has its own"`
}

// Person is somebody by address.
type Person struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// TicketContact is the contact of a ticket in short.
type TicketContact struct {
	ID     uuid.UUID `json:"id" format:"uuid"`
	Name   string    `json:"name"`
	Email  *string   `json:"email"`
	CRMRef *string   `json:"crm_ref"`
	Tags   []string  `json:"tags" nullable:"false"`
}

func showTicket(t tickets.Ticket, known map[uuid.UUID]contacts.Contact) Ticket {
	out := Ticket{ID: t.ID, Number: t.Number, Subject: t.Subject, Status: string(t.Status), Priority: t.Priority.String(),
		PriorityReasons: t.PriorityReasons, ClientID: idOrNull(t.ClientID), SuggestedClients: t.SuggestedClients, Tags: t.Tags,
		Custom: t.Custom, Authenticity: t.Authenticity, Channel: t.Channel, MailboxID: idOrNull(t.MailboxID),
		Requester:     Person{Name: t.RequesterName, Address: t.RequesterAddress},
		MessagesCount: t.Messages, Held: t.Held, Burst: t.Burst, Version: t.Version, CreatedAt: t.CreatedAt,
		UpdatedAt: t.UpdatedAt, LastMessageAt: t.LastMessageAt, ClosedAt: t.ClosedAt}
	if t.MergedInto.Valid {
		out.MergedInto = &MergedInto{ID: t.MergedInto.UUID, Number: *t.MergedNumber}
	}
	if c, ok := known[t.ContactID.UUID]; ok && t.ContactID.Valid {
		out.Contact = &TicketContact{ID: c.ID, Name: c.Name, Email: c.Email, CRMRef: c.CRMRef, Tags: c.Tags}
	}
	return out
}

// contactsOf reads the contacts that tickets name, in one query for all of them.
func contactsOf(ctx context.Context, s *contacts.Service, by event.Actor, list ...tickets.Ticket) (map[uuid.UUID]contacts.Contact, error) {
	seen := map[uuid.UUID]bool{}
	var ids []uuid.UUID
	for _, t := range list {
		if t.ContactID.Valid && !seen[t.ContactID.UUID] {
			seen[t.ContactID.UUID] = true
			ids = append(ids, t.ContactID.UUID)
		}
	}
	return s.Many(ctx, by, ids)
}
