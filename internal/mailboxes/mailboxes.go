// Package mailboxes keeps the support addresses: their servers, sealed passwords and how far they were read.
package mailboxes

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/vault"
)

// Server is where a mailbox is read or its letters are handed over.
type Server struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Security string `json:"security"` // "tls", "starttls", or "none" on loopback
	Username string `json:"username"`
}

// The start points: which emails of a mailbox count when it is connected.
const (
	FromNow  = "now"
	FromDate = "date"
	FromAll  = "all"
)

// What is done to an email on the server once it has its disposition.
const (
	AfterNothing = "nothing"
	AfterSeen    = "seen" // it is marked as read
	AfterMove    = "move" // to AfterFolder
)

// Mailbox is one support address.
type Mailbox struct {
	ID             uuid.UUID `db:"id"`
	Name           string    `db:"name"`
	Address        string    `db:"address"`
	AddressNorm    string    `db:"address_norm"`
	FromName       string    `db:"from_name"`
	IMAP           Server    `db:"imap"`
	SMTP           Server    `db:"smtp"`
	Folders        []string  `db:"folders"`
	Start          string    `db:"start"`
	StartAt        time.Time `db:"start_at"`
	StaffAddresses []string  `db:"staff_addresses"`
	Priority       int       `db:"priority"` // 1 high, 2 medium, 3 low
	Reopens        bool      `db:"reopens"`
	SubAddressing  bool      `db:"sub_addressing"`
	Acknowledges   bool      `db:"acknowledges"`
	After          string    `db:"after"`
	AfterFolder    string    `db:"after_folder"`
	Paused         bool      `db:"paused"`
	OAuth          *OAuth    `db:"oauth"`        // nil: it signs in with its passwords
	Logo           string    `db:"logo_url"`     // https URL; empty: the desk's
	Accent         string    `db:"accent_color"` // #rrggbb; empty: the desk's
	Hours          *Hours    `db:"hours"`        // nil: the desk's
	Version        int       `db:"version"`
	CreatedAt      time.Time `db:"created_at"`
	UpdatedAt      time.Time `db:"updated_at"`
	Outages        []Outage  `db:"outages"` // none: both servers worked when they were last needed
}

// The sides of a mailbox: where it is read and where its letters are handed over.
const (
	IMAP = "imap"
	SMTP = "smtp"
)

// Outage is what one server of a mailbox has failed at since it last worked.
type Outage struct {
	Side     string     `json:"side" db:"side"`
	Since    time.Time  `json:"since" db:"since"`         // the first failure in a row
	FailedAt time.Time  `json:"failed_at" db:"failed_at"` // the last one
	Failures int        `json:"failures" db:"failures"`
	Reason   string     `json:"reason" db:"reason"`
	Detail   string     `json:"detail" db:"detail"`
	ToldAt   *time.Time `json:"told_at" db:"told_at"` // nil: it is too young to tell people of
}

// Outage is that of a side, if there is one.
func (m Mailbox) Outage(side string) (Outage, bool) {
	i := slices.IndexFunc(m.Outages, func(o Outage) bool { return o.Side == side })
	if i < 0 {
		return Outage{}, false
	}
	return m.Outages[i], true
}

// Folder is how far one folder of a mailbox was read.
type Folder struct {
	ID           int64      `db:"id"`
	MailboxID    uuid.UUID  `db:"mailbox_id"`
	Name         string     `db:"name"`
	UIDValidity  int64      `db:"uidvalidity"` // 0: never opened
	Generation   int        `db:"generation"`
	LastUID      int64      `db:"last_uid"`
	StartBelow   int64      `db:"start_below"`
	CreatedAt    time.Time  `db:"created_at"`
	PolledAt     *time.Time `db:"polled_at"`
	FailingSince *time.Time `db:"failing_since"`
	LastError    *string    `db:"last_error"`
}

// Secrets are the passwords of a mailbox. They are never logged and leave this process only to log in.
// With OAuth2 there are no passwords, and Access is the access token; it is nowhere but in memory.
type Secrets struct {
	IMAP, SMTP            string
	ClientSecret, Refresh string
	Access                string
}

// String keeps a careless log line from telling them.
func (Secrets) String() string { return "[secrets]" }

// GoString does so too.
func (Secrets) GoString() string { return "[secrets]" }

// Service is what the doors call.
type Service struct {
	db    *db.DB
	vault *vault.Vault
}

// New makes the service.
func New(d *db.DB, v *vault.Vault) *Service { return &Service{db: d, vault: v} }

// DomainOf is the part of an address behind the @.
func DomainOf(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			return address[i+1:]
		}
	}
	return ""
}

// WithTag is the mailbox's address with a tag: support+t-abc@desk.example.
func (m Mailbox) WithTag(tag string) string {
	local := m.Address[:len(m.Address)-len(DomainOf(m.Address))-1]
	return local + "+" + tag + "@" + DomainOf(m.Address)
}
