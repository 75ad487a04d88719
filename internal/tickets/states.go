package tickets

import (
	"slices"

	"github.com/postern-desk/postern/internal/fault"
)

// Status is where a ticket stands; docs/states.md draws the moves.
type Status string

// The states of a ticket.
const (
	Open       Status = "open"        // somebody of the staff is to act
	InProgress Status = "in_progress" // somebody is acting
	Waiting    Status = "waiting"     // the client is to act
	Closed     Status = "closed"
)

// Statuses is every status.
var Statuses = []Status{Open, InProgress, Waiting, Closed}

// moves is every move that staff may make by hand.
var moves = map[Status][]Status{
	Open:       {InProgress, Waiting, Closed},
	InProgress: {Open, Waiting, Closed},
	Waiting:    {Open, InProgress, Closed},
	Closed:     {Open},
}

// move checks a move by hand; staying is none.
func move(from, to Status) error {
	if !slices.Contains(Statuses, to) {
		return fault.New(fault.Invalid, "invalid_status", "status must be open, in_progress, waiting or closed").In("status")
	}
	if from == to || slices.Contains(moves[from], to) {
		return nil
	}
	return fault.New(fault.Conflict, "illegal_transition", "a ticket that is %s cannot become %s", from, to).In("status")
}

// afterReply is the status once the client wrote.
func afterReply(from Status) Status {
	if from == Waiting || from == Closed {
		return Open
	}
	return from
}

// afterAnswer is the status once staff answered.
func afterAnswer(from Status) Status {
	if from == Open || from == InProgress {
		return Waiting
	}
	return from
}

// afterMerge is the status once a ticket that is not closed was merged in: what staff had to do there is to
// be done here.
func afterMerge(into, from Status) Status {
	if into == Closed || into == Waiting && from != Waiting {
		return Open
	}
	return into
}
