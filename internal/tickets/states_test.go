package tickets

import (
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/fault"
)

// docs/states.md, as a table: what staff may do by hand from one state to another.
var byHand = map[Status]map[Status]bool{
	Open:       {Open: true, InProgress: true, Waiting: true, Closed: true},
	InProgress: {Open: true, InProgress: true, Waiting: true, Closed: true},
	Waiting:    {Open: true, InProgress: true, Waiting: true, Closed: true},
	Closed:     {Open: true, InProgress: false, Waiting: false, Closed: true},
}

// inState is a ticket that stands in the state, put there without the moves that are under test.
func (s *scene) inState(state Status) uuid.UUID {
	s.t.Helper()
	id := s.open().ID
	s.test.Fixture(s.t, `update tickets set status = $2, closed_at = case when $2 = 'closed' then now() end where id = $1`, id, string(state))
	return id
}

// Tried: each pair of states, through the use case, with what it must leave in the record.
func TestRow022_TicketsAreTriagedTrackedResolved(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, from := range Statuses {
		for _, to := range Statuses {
			id := s.inState(from)
			got, err := s.set(id, Patch{Status: &to})
			stands, recorded := s.get(id).Ticket, s.events(id)
			if !byHand[from][to] {
				wantFault(t, string(from+" to "+to), err, fault.Conflict, "illegal_transition", "status")
				to = from
			} else if err != nil || got.Status != to {
				t.Errorf("%s to %s: %s, %v", from, to, got.Status, err)
			}
			want := "opened 1, updated 2"
			switch {
			case from == to:
				want = "opened 1" // staying is no change
			case to == Closed:
				want = "opened 1, closed 2"
			case from == Closed:
				want = "opened 1, reopened 2"
			}
			if stands.Status != to || recorded != want || (stands.ClosedAt != nil) != (to == Closed) {
				t.Errorf("%s to %s: stands %s, closed at %v, recorded %s, want %s", from, to, stands.Status, stands.ClosedAt, recorded, want)
			}
		}
	}
	id := s.open().ID
	_, err := s.set(id, Patch{Status: ptr(Status("pending"))})
	wantFault(t, "a state that there is not", err, fault.Invalid, "invalid_status", "status")
}

// Tried: a client's reply and a staff answer in each state, by a person and by a machine, with reopening
// switched on and off.
func TestRow022_RepliesMoveTheTicket(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, c := range []struct {
		from              Status
		automatic, reopen bool
		want              Status
		recorded          string
	}{
		{Open, false, true, Open, "opened 1, replied 2"},
		{InProgress, false, true, InProgress, "opened 1, replied 2"},
		{Waiting, false, true, Open, "opened 1, replied 2"},
		{Waiting, false, false, Open, "opened 1, replied 2"},
		{Closed, false, true, Open, "opened 1, replied 2, reopened 3"},
		{Closed, false, false, Closed, "opened 1, replied 2"},
		{Open, true, true, Open, "opened 1, noted"},
		{Waiting, true, true, Waiting, "opened 1, noted"},
		{Closed, true, true, Closed, "opened 1, noted"},
	} {
		id := s.inState(c.from)
		m := s.reply(id, Reply{From: ann, Reopens: c.reopen, Content: Content{Body: "Still jams.", Automatic: c.automatic}})
		f := s.get(id)
		if f.Ticket.Status != c.want || s.events(id) != c.recorded || (f.Ticket.ClosedAt != nil) != (c.want == Closed) || f.Ticket.Messages != 2 ||
			len(f.Messages) != 2 || f.Messages[1].ID != m.ID || f.Messages[1].Automatic != c.automatic || f.Messages[1].Visibility != Everyone || f.Messages[1].Origin != FromClient {
			t.Errorf("%+v: stands %s, recorded %s, %s", c, f.Ticket.Status, s.events(id), asJSON(f.Messages))
		}
	}
	for from, want := range map[Status]Status{Open: Waiting, InProgress: Waiting, Waiting: Waiting, Closed: Closed} {
		for visibility, want := range map[string]Status{Everyone: want, Internal: from} {
			id := s.inState(from)
			_, err := s.Post(soon(t), sam, id, Post{Visibility: visibility, Body: "Turn it off and on."})
			if got := s.get(id).Ticket; err != nil || got.Status != want || got.Messages != 2 || got.Version != 2 {
				t.Errorf("a message for %s in %s: stands %s, %d messages: %v", visibility, from, got.Status, got.Messages, err)
			}
		}
	}
}
