// Package rules keeps what the desk's admins want done with emails that look in a certain way: conditions over what
// is known of an email, and what follows where one holds.
package rules

import (
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
)

// Which emails a rule is asked of.
const (
	OfNew   = "new"   // those that open a ticket
	OfReply = "reply" // those that continue one
	OfAny   = "any"
)

// Spam is the disposition that a rule may give.
const Spam = "spam"

// Rule is one condition and what follows.
type Rule struct {
	ID        uuid.UUID  `db:"id"`
	Name      string     `db:"name"`
	Position  int        `db:"position"` // the lowest is asked first, of equal ones the oldest
	Enabled   bool       `db:"enabled"`
	On        string     `db:"asked_of"`
	When      string     `db:"condition"`
	Then      Then       `db:"actions"`
	Failures  int64      `db:"failures"` // while running, since the condition was last changed
	LastError *string    `db:"last_error"`
	FailedAt  *time.Time `db:"failed_at"`
	Version   int        `db:"version"`
	CreatedAt time.Time  `db:"created_at"`
	UpdatedAt time.Time  `db:"updated_at"`
}

// Then is what follows; zero fields ask for nothing.
type Then struct {
	Priority          string         `json:"priority,omitempty"` // high, medium or low
	Tags              []string       `json:"tags,omitempty"`     // added
	Custom            map[string]any `json:"custom,omitempty"`   // set beside the ticket's other custom fields
	NoAcknowledgement bool           `json:"no_acknowledgement,omitempty"`
	SetAside          string         `json:"set_aside,omitempty"` // Spam; a reply is held on its ticket instead
	Stop              bool           `json:"stop,omitempty"`      // no later rule is asked
}

// Service is what the doors and the inbox call.
type Service struct {
	db   *db.DB
	book atomic.Pointer[Book]
}

// New makes the service.
func New(d *db.DB) *Service { return &Service{db: d} }
