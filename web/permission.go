package web

import (
	"context"
	"slices"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/identity"
)

// Permission is what a route asks of its caller, "module.action".
type Permission string

// The permissions. Anyone holds every caller that has proved who it is.
const (
	Anyone          Permission = "anyone"
	ReadTickets     Permission = "tickets.read"
	WriteTickets    Permission = "tickets.write"
	ReadContacts    Permission = "contacts.read"
	WriteContacts   Permission = "contacts.write"
	ReadMailboxes   Permission = "mailboxes.read"
	ManageMailboxes Permission = "mailboxes.manage"
	ReadEmails      Permission = "emails.read"
	ReprocessEmails Permission = "emails.reprocess"
	ReadLetters     Permission = "letters.read"
	ResendLetters   Permission = "letters.resend"
	ManageLetters   Permission = "letters.manage"
	ManageAPIKeys   Permission = "api_keys.manage"
	ReadRules       Permission = "rules.read"
	ManageRules     Permission = "rules.manage"
	ReadMetrics     Permission = "metrics.read"
)

var staffMay = []Permission{Anyone, ReadTickets, WriteTickets, ReadContacts, WriteContacts, ReadMailboxes, ReadEmails, ReprocessEmails,
	ReadLetters, ResendLetters, ReadMetrics, ReadRules}

// granted is what each role may do.
var granted = map[identity.Role][]Permission{
	identity.Staff: staffMay,
	identity.Admin: slices.Concat(staffMay, []Permission{ManageMailboxes, ManageLetters, ManageAPIKeys, ManageRules}),
}

// caller is who sent a request.
type caller struct {
	actor event.Actor
	role  identity.Role
}

func (c caller) may(p Permission) bool { return slices.Contains(granted[c.role], p) }

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return event.WithActor(context.WithValue(ctx, callerKey{}, c), c.actor)
}

// callerOf is who sent the request; the guard has put it there before any handler runs.
func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// actorOf is callerOf for the domain.
func actorOf(ctx context.Context) event.Actor { return callerOf(ctx).actor }
