package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
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
	Undelivered      int            `json:"undelivered" doc:"Letters of the newest answer that came to nothing: refused for good, or handed over and never confirmed. letters says which"`
	Held             int            `json:"held" doc:"Emails that claim to belong to it and were not joined"`
	Burst            bool           `json:"burst" doc:"It takes the rest of a flood from one address or domain"`
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

func showTicket(t tickets.Ticket, k known) Ticket {
	out := Ticket{ID: t.ID, Number: t.Number, Subject: t.Subject, Status: string(t.Status), Priority: t.Priority.String(),
		PriorityReasons: t.PriorityReasons, ClientID: idOrNull(t.ClientID), SuggestedClients: t.SuggestedClients, Tags: t.Tags,
		Custom: t.Custom, Authenticity: t.Authenticity, Channel: t.Channel, MailboxID: idOrNull(t.MailboxID),
		Requester:     Person{Name: t.RequesterName, Address: t.RequesterAddress},
		MessagesCount: t.Messages, Undelivered: k.undelivered[t.ID], Held: t.Held, Burst: t.Burst, Version: t.Version, CreatedAt: t.CreatedAt,
		UpdatedAt: t.UpdatedAt, LastMessageAt: t.LastMessageAt, ClosedAt: t.ClosedAt}
	if t.MergedInto.Valid {
		out.MergedInto = &MergedInto{ID: t.MergedInto.UUID, Number: *t.MergedNumber}
	}
	if c, ok := k.contacts[t.ContactID.UUID]; ok && t.ContactID.Valid {
		out.Contact = &TicketContact{ID: c.ID, Name: c.Name, Email: c.Email, CRMRef: c.CRMRef, Tags: c.Tags}
	}
	return out
}

// ticketRoom reads what is shown beside tickets.
type ticketRoom struct {
	tickets  *tickets.Service
	contacts *contacts.Service
}

// known is what is shown beside tickets, by the contact's id and the ticket's.
type known struct {
	contacts    map[uuid.UUID]contacts.Contact
	undelivered map[uuid.UUID]int
}

// known reads for many tickets at once: one query for the contacts, one for the letters.
func (r ticketRoom) known(ctx context.Context, list ...tickets.Ticket) (k known, err error) {
	seen := map[uuid.UUID]bool{}
	var who, which []uuid.UUID
	for _, t := range list {
		which = append(which, t.ID)
		if t.ContactID.Valid && !seen[t.ContactID.UUID] {
			seen[t.ContactID.UUID] = true
			who = append(who, t.ContactID.UUID)
		}
	}
	if k.contacts, err = r.contacts.Many(ctx, actorOf(ctx), who); err != nil {
		return k, err
	}
	k.undelivered, err = r.tickets.Undelivered(ctx, actorOf(ctx), which)
	return k, err
}
