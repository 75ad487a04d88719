package outbox

import (
	"testing"

	"github.com/google/uuid"
)

// Tried: a claim that counts, and claims that do not any more: in doubt, begun anew, sent, given back before.
func TestGiveBackIsAsIfItWasNeverClaimed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	l := s.queue(s.draft())
	before := s.state(l.ID)
	a := s.claim(l.ID)
	if holds, err := s.Holds(soon(t), a.Letter); !holds || err != nil {
		t.Errorf("a claim: %v, %v", holds, err)
	}
	must(t, s.GiveBack(soon(t), a.Letter))
	if got := s.state(l.ID); got != before {
		t.Errorf("%s became %s", before, got)
	}
	again := s.claim(l.ID)
	if again.Letter.Attempts != 1 || string(again.Raw) != string(a.Raw) {
		t.Errorf("attempt %d of other bytes", again.Letter.Attempts)
	}
	for name, happens := range map[string]func(id uuid.UUID, a Attempt){
		"in doubt":   func(id uuid.UUID, _ Attempt) { s.dies(id) },
		"begun anew": func(id uuid.UUID, _ Attempt) { s.dies(id); s.claim(id) },
		"sent":       func(_ uuid.UUID, a Attempt) { s.settle(a, "accepted", 250, "") },
		"given back": func(_ uuid.UUID, a Attempt) { must(t, s.GiveBack(soon(t), a.Letter)) },
	} {
		l := s.queue(s.draft())
		a := s.claim(l.ID)
		happens(l.ID, a)
		now := s.state(l.ID)
		if holds, err := s.Holds(soon(t), a.Letter); holds || err != nil {
			t.Errorf("%s: it holds, %v", name, err)
		}
		must(t, s.GiveBack(soon(t), a.Letter))
		if got := s.state(l.ID); got != now {
			t.Errorf("%s: %s became %s", name, now, got)
		}
	}
}
