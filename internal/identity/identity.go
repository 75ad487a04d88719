// Package identity is how a caller proves who it is.
package identity

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Role is what the bearer of an API key may do.
type Role string

// The roles of API keys.
const (
	Staff Role = "staff" // works on tickets, contacts and letters
	Admin Role = "admin" // also manages mailboxes and API keys
)

// ErrUnknownKey says that no key in force reads like this. It does not say whether one ever did.
var ErrUnknownKey = errors.New("unknown API key")

// Key is an API key as it may be shown: the key itself is known only to its bearer.
type Key struct {
	ID         uuid.UUID  `db:"id"`
	Name       string     `db:"name"`
	Role       Role       `db:"role"`
	Prefix     string     `db:"prefix"`
	CreatedAt  time.Time  `db:"created_at"`
	LastUsedAt *time.Time `db:"last_used_at"` // to the minute
	RevokedAt  *time.Time `db:"revoked_at"`
}

// Service is what the doors call. It is safe for concurrent use.
type Service struct {
	db    *db.DB
	mu    sync.Mutex
	known map[[sha256.Size]byte]bearer
}

// bearer is who a key stands for, for as long as that may be believed without asking again.
type bearer struct {
	actor event.Actor
	role  Role
	until time.Time
}

// New makes the service.
func New(d *db.DB) *Service {
	return &Service{db: d, known: map[[sha256.Size]byte]bearer{}}
}
