package mailboxes

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// OAuth is how a mailbox signs in at both servers where these take no password (OAuth 2.0).
type OAuth struct {
	Provider    string   `json:"provider"` // "google", "microsoft", "custom"
	ClientID    string   `json:"client_id"`
	TokenURL    string   `json:"token_url"`
	AuthURL     string   `json:"auth_url,omitempty"`
	DeviceURL   string   `json:"device_url,omitempty"`
	Scopes      []string `json:"scopes"`
	Application bool     `json:"application"` // the client itself has access; nobody signs in
}

// grant is what is sealed of it.
type grant struct {
	ClientSecret string `json:"client_secret"`
	Refresh      string `json:"refresh"`
}

const grantPurpose = "mailbox oauth"

func (o *OAuth) check(clientSecret *string) error {
	switch {
	case o == nil:
		return nil
	case o.ClientID == "" || o.TokenURL == "":
		return fault.New(fault.Invalid, "invalid_oauth", "OAuth2 needs a client id and a token endpoint").In("oauth")
	case o.Application && (clientSecret == nil || *clientSecret == ""):
		return fault.New(fault.Invalid, "invalid_oauth", "an application that signs in by itself needs its client secret").In("oauth")
	}
	return nil
}

func (s *Service) sealGrant(g grant) []byte {
	plain, err := json.Marshal(g)
	if err != nil {
		panic(err) // two strings
	}
	return s.vault.Seal(grantPurpose, plain)
}

func (s *Service) openGrant(sealed []byte) (g grant, err error) {
	plain, err := s.vault.Open(grantPurpose, sealed)
	if err != nil {
		return grant{}, err
	}
	return g, json.Unmarshal(plain, &g)
}

// RefreshToken reads the one that the mailbox signs in with; empty: nobody has signed in yet.
func (s *Service) RefreshToken(ctx context.Context, id uuid.UUID) (string, error) {
	secrets, err := s.Secrets(ctx, id)
	return secrets.Refresh, err
}

// Rotate keeps the refresh token that the provider gave in the place of the last one.
func (s *Service) Rotate(ctx context.Context, id uuid.UUID, refresh string) error {
	return s.db.Bookkeep(ctx, "mailboxes", func(tx *db.Tx) error { return s.keepRefresh(tx, id, refresh) })
}

// Authorize keeps the refresh token of somebody who has just signed in. The mailbox is tried with it at once.
func (s *Service) Authorize(ctx context.Context, by event.Actor, id uuid.UUID, refresh string) error {
	return s.db.Change(ctx, by, func(tx *db.Tx) error {
		m, ok, err := db.One[Mailbox](tx, sqlLock, id)
		if err != nil {
			return err
		}
		if !ok {
			return notFound(id)
		}
		if m.OAuth == nil || m.OAuth.Application {
			return fault.New(fault.Conflict, "no_sign_in", "nobody signs in for this mailbox")
		}
		if err := s.keepRefresh(tx, id, refresh); err != nil {
			return err
		}
		tx.Queue(sqlTouch, id)
		tx.Record(event.Event{Kind: event.MailboxUpdated, SubjectID: id.String(), Sequence: int64(m.Version + 1), Label: m.Address,
			Detail: map[string]any{"signed_in": true}})
		return nil
	})
}

func (s *Service) keepRefresh(tx *db.Tx, id uuid.UUID, refresh string) error {
	var sealed []byte
	if err := tx.QueryRow(sqlLockGrant, id).Scan(&sealed); err != nil {
		return fmt.Errorf("read the sign-in of mailbox %s: %w", id, err)
	}
	g, err := s.openGrant(sealed)
	if err != nil {
		return fmt.Errorf("open the sign-in of mailbox %s: %w", id, err)
	}
	g.Refresh = refresh
	tx.Queue(sqlSetGrant, id, s.sealGrant(g))
	return nil
}
