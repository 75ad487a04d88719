package web

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/tickets"
)

// ticketThreads shows one ticket with all that hangs on it.
type ticketThreads struct {
	ticketRoom
	outbox *outbox.Outbox
	inbox  *inbox.Service
}

// TicketThread is a ticket read alone.
type TicketThread struct {
	Ticket
	Messages       []Message      `json:"messages" nullable:"false" doc:"The newest 200, oldest first"`
	MessagesCursor string         `json:"messages_cursor,omitempty" doc:"Where there are earlier messages: cursor for GET /v1/tickets/{id}/messages, which lists them"`
	Participants   []Participant  `json:"participants" nullable:"false" doc:"Whose replies join, and to whom answers go"`
	Letters        []Letter       `json:"letters" nullable:"false" doc:"What was sent for it, newest first"`
	HeldEmails     []InboundEmail `json:"held_emails" nullable:"false" doc:"Emails that claim to belong to it and were not joined"`
}

// Message is one entry of a thread.
type Message struct {
	ID           uuid.UUID    `json:"id" format:"uuid"`
	Visibility   string       `json:"visibility" enum:"internal,everyone"`
	Origin       string       `json:"origin" enum:"client,staff,system"`
	Author       Person       `json:"author"`
	Body         string       `json:"body" doc:"The new text"`
	FullText     *string      `json:"full_text" doc:"The whole text, where that is more"`
	HTML         *string      `json:"html" doc:"Sanitised; show it in a sandbox all the same"`
	EmailID      *int64       `json:"email_id" doc:"The inbound email that it came by"`
	Authenticity string       `json:"authenticity" enum:"pass,none,fail,temperror"`
	Automatic    bool         `json:"automatic" doc:"Written by a program"`
	Problems     []string     `json:"problems" nullable:"false" doc:"Defects of the email, in words"`
	Attachments  []Attachment `json:"attachments" nullable:"false"`
	CreatedAt    time.Time    `json:"created_at"`
}

// Attachment is one file of a message.
type Attachment struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Name      string    `json:"name"`
	Type      string    `json:"type" doc:"What the sender says it is"`
	Size      int64     `json:"size" doc:"In bytes"`
	SHA256    string    `json:"sha256" doc:"In hexadecimal"`
	Inline    bool      `json:"inline" doc:"It is shown within the HTML"`
	ContentID string    `json:"content_id"`
	URL       string    `json:"url"`
}

// Participant is somebody on a ticket.
type Participant struct {
	Address string `json:"address"`
	Role    string `json:"role" enum:"requester,cc"`
	Name    string `json:"name"`
}

func showMessage(m tickets.Message, files []tickets.Attachment) Message {
	out := Message{ID: m.ID, Visibility: m.Visibility, Origin: m.Origin, Author: Person{Name: m.AuthorName, Address: m.AuthorAddress},
		Body: m.Body, FullText: m.FullText, HTML: m.HTML, EmailID: m.EmailID, Authenticity: m.Authenticity,
		Automatic: m.Automatic, Problems: m.Problems, Attachments: []Attachment{}, CreatedAt: m.CreatedAt}
	for _, a := range files {
		out.Attachments = append(out.Attachments, Attachment{ID: a.ID, Name: a.Name, Type: a.Type, Size: a.Size,
			SHA256: hex.EncodeToString(a.SHA256), Inline: a.Inline, ContentID: a.ContentID, URL: "/v1/attachments/" + a.ID.String()})
	}
	return out
}

type byID struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// The most letters and held emails that are shown with a ticket; the lists of both show all.
const maxBeside = 200

func (s ticketThreads) read(ctx context.Context, in *byID) (*one[TicketThread], error) {
	by := actorOf(ctx)
	full, err := s.tickets.Get(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	k, err := s.known(ctx, full.Ticket)
	if err != nil {
		return nil, err
	}
	thread := showThread(full, k)
	if err := s.beside(ctx, by, &thread); err != nil {
		return nil, err
	}
	return &one[TicketThread]{ETag: etag(full.Ticket.Version), Body: thread}, nil
}

func showThread(full tickets.Full, k known) TicketThread {
	thread := TicketThread{Ticket: showTicket(full.Ticket, k), Messages: showMessages(full.Messages, full.Attachments), Participants: []Participant{},
		Letters: []Letter{}, HeldEmails: []InboundEmail{}}
	if full.Earlier {
		thread.MessagesCursor = newMessageCursor(full.Ticket.ID, full.Messages[0])
	}
	for _, p := range full.Participants {
		thread.Participants = append(thread.Participants, Participant{Address: p.Address, Role: p.Role, Name: p.Name})
	}
	return thread
}

// beside adds what other rooms know of the ticket.
func (s ticketThreads) beside(ctx context.Context, by event.Actor, thread *TicketThread) error {
	letters, err := s.outbox.List(ctx, by, outbox.Filter{TicketID: thread.ID}, uuid.Nil, maxBeside)
	if err != nil {
		return err
	}
	for _, l := range letters {
		thread.Letters = append(thread.Letters, showLetter(l))
	}
	held, err := s.inbox.List(ctx, by, inbox.Filter{TicketID: thread.ID, Disposition: inbox.Held}, 0, maxBeside)
	for _, e := range held {
		thread.HeldEmails = append(thread.HeldEmails, showInboundEmail(e))
	}
	return err
}

// TicketContext is who asks: the contact and its client.
type TicketContext struct {
	Contact *Contact `json:"contact" doc:"Null where the ticket is linked to nobody"`
	Client  *Client  `json:"client" doc:"Null where no client is known"`
}

func (s ticketThreads) context(ctx context.Context, in *byID) (*one[TicketContext], error) {
	by := actorOf(ctx)
	full, err := s.tickets.Get(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	var out TicketContext
	if id := full.Ticket.ContactID; id.Valid {
		c, err := s.contacts.Get(ctx, by, id.UUID)
		if err != nil {
			return nil, err
		}
		shown := showContact(c)
		out.Contact = &shown
	}
	if id := full.Ticket.ClientID; id.Valid {
		c, err := s.contacts.Client(ctx, by, id.UUID)
		if err != nil {
			return nil, err
		}
		shown := showClient(c)
		out.Client = &shown
	}
	return &one[TicketContext]{Body: out}, nil
}
