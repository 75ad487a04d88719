package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/token"
)

const (
	sessionPurpose = "admin session"
	sessionIdle    = 30 * time.Minute // without a request
	sessionLongest = 12 * time.Hour
)

// ErrNoSession says that no session in force has this token.
var ErrNoSession = errors.New("no session in force")

// LogIn begins a session of the operator's pages for an administrator's key and returns its token, which is not kept.
// Any other key is ErrUnknownKey, one in force without that role too.
func (s *Service) LogIn(ctx context.Context, key string) (string, error) {
	by, role, err := s.Authenticate(ctx, key)
	if err != nil {
		return "", err
	}
	if role != Admin {
		return "", ErrUnknownKey
	}
	secret := token.ForURL()
	err = s.db.Change(ctx, by, func(tx *db.Tx) error {
		tx.Queue(sqlForgetSessions, sessionIdle, sessionLongest)
		tx.Queue(sqlInsertSession, token.Hash(sessionPurpose, secret), by.ID)
		tx.Record(event.Event{Kind: event.AdminLoggedIn, SubjectID: by.ID, Sequence: 1, Label: by.Name})
		return nil
	})
	return secret, err
}

// bearerOfSession is a key's part in a session.
type bearerOfSession struct {
	ID    uuid.UUID `db:"id"`
	Name  string    `db:"name"`
	Stale bool      `db:"stale"` // its use was noted more than a minute ago
}

// Session is the key whose session has the token: ErrNoSession where it ended, or the key was revoked.
func (s *Service) Session(ctx context.Context, secret string) (event.Actor, error) {
	hash := token.Hash(sessionPurpose, secret)
	var b bearerOfSession
	known := false
	err := s.db.View(ctx, event.System("identity"), func(v *db.View) (err error) {
		b, known, err = db.One[bearerOfSession](v, sqlSession, hash, sessionIdle, sessionLongest)
		return err
	})
	if err != nil {
		return event.Actor{}, fmt.Errorf("look up a session: %w", err)
	}
	if !known {
		return event.Actor{}, ErrNoSession
	}
	if b.Stale {
		err = s.db.Bookkeep(ctx, "identity", func(tx *db.Tx) error {
			tx.Queue(sqlUseSession, hash)
			return nil
		})
	}
	if err != nil {
		return event.Actor{}, fmt.Errorf("note the use of a session: %w", err)
	}
	return event.Actor{Kind: "api_key", ID: b.ID.String(), Name: b.Name, Realm: event.Staff}, nil
}

// LogOut ends the session at once. Where there is none, nothing is recorded.
func (s *Service) LogOut(ctx context.Context, secret string) error {
	by, err := s.Session(ctx, secret)
	if errors.Is(err, ErrNoSession) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.db.Change(ctx, by, func(tx *db.Tx) error {
		tag, err := tx.Exec(sqlEndSession, token.Hash(sessionPurpose, secret))
		if err != nil || tag.RowsAffected() == 0 {
			return errors.Join(err, db.NoChange)
		}
		tx.Record(event.Event{Kind: event.AdminLoggedOut, SubjectID: by.ID, Sequence: 1, Label: by.Name})
		return nil
	})
}
