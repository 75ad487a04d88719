package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/identity"
)

// self is who calls, and the keys to call with.
type self struct{ identity *identity.Service }

// Me is who calls.
type Me struct {
	Kind        string   `json:"kind" example:"api_key"`
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Realm       string   `json:"realm" enum:"staff,client"`
	Role        string   `json:"role" enum:"staff,admin"`
	Permissions []string `json:"permissions" nullable:"false"`
}

func (s self) me(ctx context.Context, _ *nothing) (*one[Me], error) {
	c := callerOf(ctx)
	out := Me{Kind: c.actor.Kind, ID: c.actor.ID, Name: c.actor.Name, Realm: string(c.actor.Realm), Role: string(c.role)}
	for _, p := range granted[c.role] {
		if p != Anyone {
			out.Permissions = append(out.Permissions, string(p))
		}
	}
	return &one[Me]{Body: out}, nil
}

// APIKey is a key as it may be shown.
type APIKey struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	Name       string     `json:"name"`
	Role       string     `json:"role" enum:"staff,admin"`
	Prefix     string     `json:"prefix" doc:"How the key begins"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at" doc:"To the minute"`
	RevokedAt  *time.Time `json:"revoked_at"`
}

// CreatedAPIKey is a new key, the only time it is told.
type CreatedAPIKey struct {
	APIKey
	Key string `json:"key" doc:"Keep it: it is not shown again"`
}

// NewAPIKey is what a key is made with.
type NewAPIKey struct {
	Name string `json:"name" minLength:"1" maxLength:"200"`
	Role string `json:"role" enum:"staff,admin"`
}

func showAPIKey(k identity.Key) APIKey {
	return APIKey{ID: k.ID, Name: k.Name, Role: string(k.Role), Prefix: k.Prefix, CreatedAt: k.CreatedAt,
		LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt}
}

func (s self) keys(ctx context.Context, _ *nothing) (*listOf[APIKey], error) {
	found, err := s.identity.List(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return paged(found, len(found), nil, showAPIKey), nil
}

func (s self) createKey(ctx context.Context, in *struct{ Body NewAPIKey }) (*made[CreatedAPIKey], error) {
	k, secret, err := s.identity.Create(ctx, actorOf(ctx), line(in.Body.Name), identity.Role(in.Body.Role))
	if err != nil {
		return nil, err
	}
	return &made[CreatedAPIKey]{Location: "/v1/api-keys/" + k.ID.String(),
		Body: CreatedAPIKey{APIKey: showAPIKey(k), Key: secret}}, nil
}

func (s self) revokeKey(ctx context.Context, in *byID) (*none, error) {
	return &none{}, s.identity.Revoke(ctx, actorOf(ctx), in.ID)
}
