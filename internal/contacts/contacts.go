// Package contacts keeps the clients, sites, people and organisations that we know.
package contacts

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/webhooks"
)

// Client is a customer account: the boundary that no data crosses.
type Client struct {
	ID        uuid.UUID `db:"id"`
	Name      string    `db:"name"`
	Domains   []string  `db:"domains"`
	TimeZone  string    `db:"time_zone"` // IANA name; empty: the desk's
	Language  string    `db:"language"`  // tag; empty: the desk's
	CRMRef    *string   `db:"crm_ref"`
	Version   int       `db:"version"`
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
}

// The kinds of contact.
const (
	Person       = "person"
	Organisation = "organisation"
)

// VIP is the tag of a contact whose tickets are never less than high.
const VIP = "vip"

// Contact is a person or an organisation. It has no access by itself.
type Contact struct {
	ID           uuid.UUID     `db:"id"`
	ClientID     uuid.NullUUID `db:"client_id"`
	Kind         string        `db:"kind"`
	Name         string        `db:"name"`
	Email        *string       `db:"email"`
	EmailNorm    *string       `db:"email_norm"`
	Phone        *string       `db:"phone"`
	Relationship *string       `db:"relationship"`
	CRMRef       *string       `db:"crm_ref"`
	Tags         []string      `db:"tags"`
	Version      int           `db:"version"`
	CreatedAt    time.Time     `db:"created_at"`
	UpdatedAt    time.Time     `db:"updated_at"`

	Language       string `db:"language"` // tag; empty: none of its own
	ClientLanguage string `db:"client_language"`
	ClientZone     string `db:"client_zone"`
}

// IsVIP reports the tag.
func (c Contact) IsVIP() bool { return slices.Contains(c.Tags, VIP) }

// Service is what the doors call.
type Service struct{ db *db.DB }

// New makes the service.
func New(d *db.DB) *Service { return &Service{db: d} }

// Page bounds a list: keyset, newest first. After is the id of the last item of the page before.
type Page struct {
	After uuid.UUID
	Limit int
}

// Snapshot is the contact as subscribers see it.
func (c Contact) Snapshot() webhooks.Contact {
	s := webhooks.Contact{ID: c.ID.String(), Kind: c.Kind, Name: c.Name, Tags: c.Tags, Sequence: int64(c.Version)}
	if c.ClientID.Valid {
		s.ClientID = c.ClientID.UUID.String()
	}
	if c.Email != nil {
		s.Email = *c.Email
	}
	if c.CRMRef != nil {
		s.CRMRef = *c.CRMRef
	}
	return s
}
