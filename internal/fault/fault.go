// Package fault says why a request was refused, in one vocabulary for every door.
package fault

import (
	"errors"
	"fmt"
)

// Kind is the class of a refusal. Doors translate it: web to an HTTP status, worker to a verdict.
type Kind string

// The kinds of refusal.
const (
	Invalid     Kind = "invalid"     // what was sent is wrong and will stay wrong
	NotFound    Kind = "not_found"   // there is none, or none that the actor may see
	Conflict    Kind = "conflict"    // the state does not allow it
	Stale       Kind = "stale"       // somebody else changed it first
	Forbidden   Kind = "forbidden"   // the actor may see it but not do it
	Limited     Kind = "limited"     // too often; try later
	Unavailable Kind = "unavailable" // our side is not able to now; try again
	TooLarge    Kind = "too_large"   // more bytes than the limit
)

// Fault is one refusal. Code is stable and part of the API; Message is for people and holds no secret.
type Fault struct {
	Kind    Kind
	Code    string
	Message string
	Field   string // the field of the request that is meant, where there is one
}

func (f *Fault) Error() string { return f.Message }

// New makes a refusal. The message is formatted as by fmt.Sprintf.
func New(kind Kind, code, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// In names the field that the refusal is about.
func (f *Fault) In(field string) *Fault {
	named := *f
	named.Field = field
	return &named
}

// As finds the refusal in an error's chain; nil where the error is something else.
func As(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// Is reports whether the error is a refusal with this code.
func Is(err error, code string) bool {
	f := As(err)
	return f != nil && f.Code == code
}
