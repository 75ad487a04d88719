package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/token"
)

const (
	believed = time.Second // how long a key that was in force is not looked up again
	maxKnown = 1000
)

// Authenticate finds who a key stands for: ErrUnknownKey where there is none, or it was revoked. Whatever
// it is given is hashed and looked up in the same way: the answer's time tells nothing about a key.
func (s *Service) Authenticate(ctx context.Context, key string) (event.Actor, Role, error) {
	hash := token.Hash(keyPurpose, key)
	sum := [sha256.Size]byte(hash)
	if b, ok := s.recall(sum); ok {
		return b.actor, b.role, nil
	}
	k, ok, err := s.find(ctx, hash)
	if err != nil {
		return event.Actor{}, "", fmt.Errorf("look up an API key: %w", err)
	}
	if !ok {
		return event.Actor{}, "", ErrUnknownKey
	}
	if k.LastUsedAt == nil || time.Since(*k.LastUsedAt) > time.Minute {
		if err := s.noteUse(ctx, k.ID); err != nil {
			return event.Actor{}, "", fmt.Errorf("note the use of an API key: %w", err)
		}
	}
	b := bearer{role: k.Role, until: time.Now().Add(believed),
		actor: event.Actor{Kind: "api_key", ID: k.ID.String(), Name: k.Name, Realm: event.Staff}}
	s.remember(sum, b)
	return b.actor, b.role, nil
}

func (s *Service) find(ctx context.Context, hash []byte) (k Key, ok bool, err error) {
	err = s.db.View(ctx, event.System("identity"), func(v *db.View) error {
		k, ok, err = db.One[Key](v, sqlKeyInForce, hash)
		return err
	})
	return k, ok, err
}

func (s *Service) noteUse(ctx context.Context, id uuid.UUID) error {
	return s.db.Bookkeep(ctx, "identity", func(tx *db.Tx) error {
		tx.Queue(sqlNoteUse, id)
		return nil
	})
}

func (s *Service) recall(sum [sha256.Size]byte) (bearer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.known[sum]
	return b, ok && time.Now().Before(b.until)
}

func (s *Service) remember(sum [sha256.Size]byte, b bearer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[sum] = b
}

func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.known)
}
