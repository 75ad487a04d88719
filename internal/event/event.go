// Package event names what can happen and who did it.
package event

import (
	"context"

	"github.com/google/uuid"
)

// Realm separates the operator's team from a client's people.
type Realm string

// The two realms.
const (
	Staff  Realm = "staff"
	Client Realm = "client"
)

// Actor is who does something. Name is a snapshot: a later rename leaves old entries as they were.
type Actor struct {
	Kind       string // "system", "email", "form", "api_key", "cli"
	ID         string
	Name       string
	Realm      Realm
	ClientID   uuid.UUID // set for an actor of the client realm
	OnBehalfOf string
}

// System is the worker itself; part names the piece that acts, such as "outbox".
func System(part string) Actor {
	return Actor{Kind: "system", ID: part, Name: "Postern", Realm: Staff}
}

// Event is one thing that happened. It makes the audit entry and, for a public kind, the webhook event,
// both under one id.
type Event struct {
	Kind      Kind
	ClientID  uuid.UUID // zero: no client known
	SubjectID string    // id of the ticket, contact, ... that it happened to
	Sequence  int64     // rises with each event of the subject
	Label     string    // how people know the subject, as it was then; no personal text beyond that
	Detail    any       // for the audit entry: what changed
	Data      any       // for subscribers: a snapshot; nil for a kind that is not public
}

// Kind names one thing that can happen, "module.verb".
type Kind string

// Spec says where an event of a kind goes.
type Spec struct {
	Module string
	Action string
	Public bool // a webhook event beside the audit entry
}

type actorKey struct{}

// WithActor returns a context that carries the actor of a request.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom returns the actor of the request.
func ActorFrom(ctx context.Context) (Actor, bool) {
	a, ok := ctx.Value(actorKey{}).(Actor)
	return a, ok
}
