// Package tickets is the helpdesk: requests, their threads, and who answers whom.
package tickets

import (
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/wording"
)

// The visibilities of a message.
const (
	Internal = "internal" // staff, whatever the role
	Everyone = "everyone" // the requester and all at the client who may see the ticket
)

// The channels that a ticket comes by.
const (
	ByEmail = "email"
	ByForm  = "form"
	ByAPI   = "api"
)

// Who wrote a message.
const (
	FromClient = "client"
	FromStaff  = "staff"
	FromSystem = "system"
)

// Ticket is a request.
type Ticket struct {
	ID               uuid.UUID      `db:"id"`
	Number           int64          `db:"number"`
	ClientID         uuid.NullUUID  `db:"client_id"`
	ContactID        uuid.NullUUID  `db:"contact_id"`
	MailboxID        uuid.NullUUID  `db:"mailbox_id"`
	Channel          string         `db:"channel"`
	Subject          string         `db:"subject"`
	Status           Status         `db:"status"`
	Priority         Priority       `db:"priority"`
	PriorityReasons  []string       `db:"priority_reasons"`
	Authenticity     string         `db:"authenticity"`
	RequesterAddress string         `db:"requester_address"` // normalised
	RequesterName    string         `db:"requester_name"`
	SuggestedClients []uuid.UUID    `db:"suggested_clients"`
	Tags             []string       `db:"tags"`
	Custom           map[string]any `db:"custom"`
	Burst            bool           `db:"burst"`
	Messages         int            `db:"messages"`
	Held             int            `db:"held"`
	Version          int            `db:"version"`
	CreatedAt        time.Time      `db:"created_at"`
	UpdatedAt        time.Time      `db:"updated_at"`
	LastMessageAt    time.Time      `db:"last_message_at"`
	ClosedAt         *time.Time     `db:"closed_at"`
	MergedInto       uuid.NullUUID  `db:"merged_into"`   // the ticket that has its thread now, never a merged one
	MergedNumber     *int64         `db:"merged_number"` // of that ticket
}

// Message is one entry of a ticket's thread. Body is the new text; FullText the whole of an email where
// that is more.
type Message struct {
	ID            uuid.UUID     `db:"id"`
	TicketID      uuid.UUID     `db:"ticket_id"`
	ClientID      uuid.NullUUID `db:"client_id"`
	Visibility    string        `db:"visibility"`
	Origin        string        `db:"origin"`
	AuthorName    string        `db:"author_name"`
	AuthorAddress string        `db:"author_address"`
	AuthorID      string        `db:"author_id"`
	Body          string        `db:"body"`
	FullText      *string       `db:"full_text"`
	HTML          *string       `db:"html"`
	RFCMessageID  string        `db:"rfc_message_id"`
	EmailID       *int64        `db:"email_id"`
	Authenticity  string        `db:"authenticity"`
	Automatic     bool          `db:"automatic"`
	Problems      []string      `db:"problems"`
	CreatedAt     time.Time     `db:"created_at"`
}

// Attachment is one file of a message; it is as visible as the message.
type Attachment struct {
	ID         uuid.UUID `db:"id"`
	MessageID  uuid.UUID `db:"message_id"`
	TicketID   uuid.UUID `db:"ticket_id"`
	Visibility string    `db:"visibility"`
	Name       string    `db:"name"`
	Type       string    `db:"type"`
	Size       int64     `db:"size"`
	SHA256     []byte    `db:"sha256"`
	Inline     bool      `db:"inline"`
	ContentID  string    `db:"content_id"`
}

// Person is somebody by address. Norm is the normalised address.
type Person struct {
	Address, Norm, Name string
}

// File is stored bytes that a message brings along.
type File struct {
	Name, Type string
	Size       int64
	Sum        blob.Sum
	Inline     bool
	ContentID  string
}

// Content is what a message says.
type Content struct {
	Body         string
	FullText     string // empty where Body is all
	HTML         string
	RFCMessageID string
	EmailID      int64
	Files        []File
	Problems     []string
	Automatic    bool
	Authenticity string
	Past         time.Time // when it was written, of an imported one; zero: now
}

// Desk is what letters say of the desk.
type Desk = wording.Desk

// Service is what the doors and the inbox call.
type Service struct {
	db     *db.DB
	outbox *outbox.Outbox
	blobs  *blob.Store
	desk   Desk
}

// New makes the service.
func New(d *db.DB, o *outbox.Outbox, b *blob.Store, desk Desk) *Service {
	return &Service{db: d, outbox: o, blobs: b, desk: desk}
}
