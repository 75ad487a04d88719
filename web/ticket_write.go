package web

import (
	"context"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// ticketWrites opens and changes tickets.
type ticketWrites struct{ ticketRoom }

// NewTicket is what a ticket is opened with.
type NewTicket struct {
	Subject     string         `json:"subject" minLength:"1" maxLength:"1000"`
	Body        string         `json:"body" minLength:"1" doc:"Plain text, at most 1 MiB"`
	Email       *string        `json:"email,omitempty" maxLength:"600" doc:"Who asks; not needed where contact_id is given"`
	Name        *string        `json:"name,omitempty" maxLength:"200"`
	ContactID   *uuid.UUID     `json:"contact_id,omitempty" format:"uuid"`
	Cc          []string       `json:"cc,omitempty" nullable:"false" maxItems:"20" doc:"Addresses whose replies join too"`
	MailboxID   *uuid.UUID     `json:"mailbox_id,omitempty" format:"uuid" doc:"The desk's first mailbox where absent"`
	Priority    *string        `json:"priority,omitempty" enum:"high,medium,low" doc:"Found from the text where absent"`
	Tags        []string       `json:"tags,omitempty" nullable:"false" maxItems:"50" doc:"Of at most 100 characters each; each is kept once"`
	Custom      map[string]any `json:"custom,omitempty" maxProperties:"50"`
	Acknowledge bool           `json:"acknowledge,omitempty" doc:"Send the requester an acknowledgement"`
}

func (n NewTicket) ticket() (tickets.NewTicket, error) {
	out := tickets.NewTicket{Channel: tickets.ByAPI, ContactID: idOf(n.ContactID), Subject: line(n.Subject),
		Body: message.CleanText(n.Body), MailboxID: idOf(n.MailboxID), Acknowledge: n.Acknowledge}
	var err error
	if n.Email != nil {
		if out.From, err = readPerson(*n.Email, "body.email"); err != nil {
			return out, err
		}
	}
	if n.Name != nil {
		out.From.Name = line(*n.Name)
	}
	if n.Priority != nil {
		if out.Priority, err = tickets.ParsePriority(*n.Priority); err != nil {
			return out, err
		}
	}
	if out.Tags, err = readTags(n.Tags); err != nil {
		return out, err
	}
	if out.Cc, err = readPeople(n.Cc, "body.cc"); err != nil {
		return out, err
	}
	out.Custom, err = readCustom(n.Custom)
	return out, err
}

func (s ticketWrites) open(ctx context.Context, in *struct{ Body NewTicket }) (*made[Ticket], error) {
	wanted, err := in.Body.ticket()
	if err != nil {
		return nil, err
	}
	t, err := s.tickets.Create(ctx, actorOf(ctx), wanted)
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, t)
	return &made[Ticket]{Location: "/v1/tickets/" + t.ID.String(), ETag: etag(t.Version), Body: shown}, err
}

func (s ticketWrites) show(ctx context.Context, t tickets.Ticket) (Ticket, error) {
	k, err := s.known(ctx, t)
	return showTicket(t, k), err
}

// TicketPatch is what may be changed of a ticket; what is absent stays.
type TicketPatch struct {
	Status    *string         `json:"status,omitempty" enum:"open,in_progress,waiting,closed"`
	Priority  *string         `json:"priority,omitempty" enum:"high,medium,low"`
	Subject   *string         `json:"subject,omitempty" minLength:"1" maxLength:"1000"`
	Tags      *[]string       `json:"tags,omitempty" nullable:"false" maxItems:"50" doc:"Replaces all tags; of at most 100 characters each"`
	Custom    *map[string]any `json:"custom,omitempty" maxProperties:"50" doc:"Replaces all custom fields"`
	ContactID *uuid.UUID      `json:"contact_id,omitempty" format:"uuid" doc:"Links the whole thread to this contact and its client"`
}

func (p TicketPatch) patch() (tickets.Patch, error) {
	out := tickets.Patch{Status: (*tickets.Status)(p.Status), Subject: linePointer(p.Subject), ContactID: p.ContactID}
	if p.Tags != nil {
		tags, err := readTags(*p.Tags)
		if err != nil {
			return out, err
		}
		out.Tags = &tags
	}
	if p.Priority != nil {
		priority, err := tickets.ParsePriority(*p.Priority)
		if err != nil {
			return out, err
		}
		out.Priority = &priority
	}
	if p.Custom != nil {
		custom, err := readCustom(*p.Custom)
		if err != nil {
			return out, err
		}
		out.Custom = &custom
	}
	return out, nil
}

type ticketPatchInput struct {
	IfMatch
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body TicketPatch
}

func (s ticketWrites) update(ctx context.Context, in *ticketPatchInput) (*one[Ticket], error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	changes, err := in.Body.patch()
	if err != nil {
		return nil, err
	}
	t, err := s.tickets.Update(ctx, actorOf(ctx), in.ID, version, changes)
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, t)
	return &one[Ticket]{ETag: etag(t.Version), Body: shown}, err
}
