package identity

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/token"
)

const (
	keyStart   = "pst_" // so that scanners of leaked secrets know it
	keyPurpose = "api key"
	shown      = len(keyStart) + 6 // characters of a key that are kept to tell it from others
)

// Create makes a key and returns it beside its description: it cannot be read again. The name has 1 to
// 200 bytes.
func (s *Service) Create(ctx context.Context, by event.Actor, name string, role Role) (Key, string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "" || len(name) > 200:
		return Key{}, "", fault.New(fault.Invalid, "invalid_name", "an API key needs a name of at most 200 bytes").In("name")
	case role != Staff && role != Admin:
		return Key{}, "", fault.New(fault.Invalid, "invalid_role", "role must be staff or admin").In("role")
	}
	secret := keyStart + token.ForURL()
	k := Key{ID: db.NewID(), Name: name, Role: role, Prefix: secret[:shown]}
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		k.CreatedAt = tx.Now()
		tx.Queue(sqlInsertKey, k.ID, k.Name, string(k.Role), token.Hash(keyPurpose, secret), k.Prefix)
		tx.Record(event.Event{Kind: event.APIKeyCreated, SubjectID: k.ID.String(), Sequence: 1, Label: k.Name,
			Detail: map[string]any{"role": k.Role}})
		return nil
	})
	if err != nil {
		return Key{}, "", err
	}
	return k, secret, nil
}

// List is every key, newest first, revoked ones too. A desk has few: there are no pages.
func (s *Service) List(ctx context.Context, by event.Actor) ([]Key, error) {
	var out []Key
	err := s.db.View(ctx, by, func(v *db.View) (err error) {
		out, err = db.All[Key](v, sqlKeys)
		return err
	})
	return out, err
}

// Revoke ends a key: at once in this process, within a second in others. One that is revoked already
// stays so, and nothing is recorded.
func (s *Service) Revoke(ctx context.Context, by event.Actor, id uuid.UUID) error {
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		k, ok, err := db.One[Key](tx, sqlLockKey, id)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.NotFound, "api_key_not_found", "there is no API key %s", id)
		}
		if k.RevokedAt != nil {
			return db.NoChange
		}
		tx.Queue(sqlRevokeKey, id)
		tx.Record(event.Event{Kind: event.APIKeyRevoked, SubjectID: id.String(), Sequence: 2, Label: k.Name})
		return nil
	})
	s.forget()
	return err
}
