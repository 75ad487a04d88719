// Package inbox accepts every email once, then routes it: to a ticket, or aside with a reason.
package inbox

import (
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// The dispositions: what became of an email. The list is closed.
const (
	Opened         = "opened"
	Replied        = "replied"
	Held           = "held"
	AutoReply      = "auto_reply"
	Bounce         = "bounce"
	DelayNotice    = "delay_notice"
	FeedbackReport = "feedback_report"
	Receipt        = "receipt"
	CalendarReply  = "calendar_reply"
	List           = "list"
	Duplicate      = "duplicate"
	OwnLoop        = "own_loop"
	Spam           = "spam"
	BeforeStart    = "before_start"
	Oversize       = "oversize"
	Flood          = "flood"
	Quarantined    = "quarantined"
)

// Rules are the numbers that an operator may set.
type Rules struct {
	Parsing          message.Limits
	TicketsPerSender int // in TicketWindow; the rest goes to a burst ticket
	TicketWindow     time.Duration
	TicketsPerDomain int // in DomainWindow
	DomainWindow     time.Duration
	AcksPerWindow    int // acknowledgements to one address, in AckWindow
	AckWindow        time.Duration
	ReplyWait        time.Duration  // how long a reply waits for its stored parent
	Zone             *time.Location // of the desk, in which triage rules tell the hour; nil: UTC
}

// Service is what the workers and the doors call.
type Service struct {
	db      *db.DB
	blobs   *blob.Store
	tickets *tickets.Service
	rules   Rules
	triage  *rules.Service
	parser  parser
	owed    debts
}

type parser func(raw io.Reader, limits message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error)

// New makes the service.
func New(d *db.DB, b *blob.Store, t *tickets.Service, r Rules) *Service {
	return &Service{db: d, blobs: b, tickets: t, rules: r, triage: rules.New(d), parser: message.Parse}
}

// Email is one row of the ledger.
type Email struct {
	ID           int64         `db:"id"`
	MailboxID    uuid.UUID     `db:"mailbox_id"`
	FolderID     int64         `db:"folder_id"`
	UIDValidity  int64         `db:"uidvalidity"`
	UID          int64         `db:"uid"`
	Size         int64         `db:"size"`
	InternalDate time.Time     `db:"internal_date"`
	AcceptedAt   time.Time     `db:"accepted_at"`
	MessageID    string        `db:"message_id"`
	Disposition  *string       `db:"disposition"`
	Reason       *string       `db:"reason"`
	Class        *string       `db:"class"`
	TicketID     uuid.NullUUID `db:"ticket_id"`
	FromAddress  *string       `db:"from_address"`
	Subject      *string       `db:"subject"`
	ProcessedAt  *time.Time    `db:"processed_at"`
	Attempts     int           `db:"attempts"`
	LastError    *string       `db:"last_error"`
	SHA256       []byte        `db:"sha256"`
}
