package outbox

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Tried: every outcome of an attempt, one after another, and what the letter is then.
func TestEveryOutcomeIsSettled(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	type end struct {
		outcome string
		code    int
		text    string
		again   time.Duration
		state   string // state, attempts, unknowns, code, error, seconds to the next attempt
	}
	for name, ends := range map[string][]end{
		"accepted":                {{"accepted", 250, "", 0, "sent 1 0 250 - 0"}},
		"accepted without a code": {{"accepted", 0, "", 0, "sent 1 0 - - 0"}},
		"permanent":               {{"permanent", 550, "No such user", 0, "failed 1 0 550 No such user 0"}},
		"no outcome":              {{"", 0, "", 0, "failed 1 0 -  0"}},
		"temporary, then accepted": {
			{"temporary", 450, "Greylisted", 5 * time.Second, "queued 1 0 450 Greylisted 5"},
			{"temporary", 0, "no connection", 20 * time.Second, "queued 2 0 - no connection 20"},
			{"temporary", 421, "", time.Minute, "queued 3 0 421  60"},
			{"accepted", 250, "", 0, "sent 4 0 250 - 0"}},
		"unknown twice stays unknown": {
			{"unknown", 0, "no answer", 2 * time.Minute, "unknown 1 1 - no answer 120"},
			{"unknown", 0, "no answer again", 0, "unknown 2 2 - no answer again 0"}},
		"unknown, then accepted": {
			{"unknown", 0, "no answer", 2 * time.Minute, "unknown 1 1 - no answer 120"},
			{"accepted", 250, "", 0, "sent 2 1 250 - 0"}},
		"unknown, then temporary, then unknown": {
			{"unknown", 0, "", 2 * time.Minute, "unknown 1 1 -  120"},
			{"temporary", 450, "", 20 * time.Second, "queued 2 1 450  20"},
			{"unknown", 0, "", 0, "unknown 3 2 -  0"}},
		"temporary, then permanent": {
			{"temporary", 450, "", 5 * time.Second, "queued 1 0 450  5"},
			{"permanent", 554, "Spam", 0, "failed 2 0 554 Spam 0"}},
	} {
		l := s.queue(s.draft())
		for i, e := range ends {
			a := s.claim(l.ID)
			if a.Letter.Attempts != i+1 || s.text(`select state from letters where id = $1`, l.ID) != "sending" {
				t.Errorf("%s: attempt %d is number %d", name, i+1, a.Letter.Attempts)
			}
			again := s.settle(a, e.outcome, e.code, e.text)
			got := s.state(l.ID)
			if again != e.again || got != e.state {
				t.Errorf("%s, attempt %d: again in %v, %s; want %v, %s", name, i+1, again, got, e.again, e.state)
			}
			_, wait, ok, err := s.Claim(soon(t), Owed{ID: l.ID})
			if ok || err != nil || (wait > 0) != (e.again > 0) || wait > e.again {
				t.Errorf("%s: claimed at once after attempt %d: ok %v, wait %v, %v", name, i+1, ok, wait, err)
			}
		}
		want := ""
		if last := ends[len(ends)-1]; strings.HasPrefix(last.state, "failed") {
			want = fmt.Sprintf(`answer {"code": %d, "attempts": %d}`, last.code, len(ends))
		}
		if got := s.text(`select coalesce(string_agg(concat(label, ' ', detail), ', '), '') from audit_entries where kind = 'letter.failed' and subject_id = $1`, l.ID.String()); got != want {
			t.Errorf("%s: recorded %q, want %q", name, got, want)
		}
	}
}

func TestPausesGrowToAnHour(t *testing.T) {
	t.Parallel()
	s := time.Second
	want := []time.Duration{5 * s, 5 * s, 20 * s, 60 * s, 120 * s, 300 * s, 600 * s, 1200 * s, 2400 * s, 3600 * s, 3600 * s}
	for attempts, w := range want {
		if got := pause(attempts); got != w {
			t.Errorf("after %d attempts %v, want %v", attempts, got, w)
		}
	}
	if pause(1000) != time.Hour || pause(-1) != 5*s {
		t.Errorf("at the ends: %v, %v", pause(1000), pause(-1))
	}
}

// Tried: a refusal for the moment just before and just after the letter's time is over.
func TestLetterFailsOnceItsTimeIsOver(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for left, want := range map[string]string{"10 seconds": "queued", "2 seconds": "failed", "-1 day": "failed"} {
		l := s.queue(s.draft())
		s.test.Fixture(t, `update letters set give_up_at = now() + '`+left+`'::interval where id = $1`, l.ID)
		again := s.settle(s.claim(l.ID), "temporary", 451, "later")
		if got := strings.Fields(s.state(l.ID))[0]; got != want || (again > 0) != (want == "queued") {
			t.Errorf("%s before the end: %s, again in %v", left, got, again)
		}
		if got := s.text(`select count(*)::text from audit_entries where kind = 'letter.failed' and subject_id = $1`, l.ID.String()); (got == "1") != (want == "failed") {
			t.Errorf("%s before the end: %s events", left, got)
		}
	}
}

// Tried: three attempts and a resending; a server that knows the letter by its Message-ID must find the
// same one.
func TestEveryAttemptSendsTheSameBytes(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	l := s.queue(s.draft())
	first := s.claim(l.ID)
	if !strings.Contains(string(first.Raw), "<"+l.RFCMessageID+">") {
		t.Error("the Message-ID is not in the bytes")
	}
	last := first
	for _, outcome := range []string{"unknown", "temporary", "permanent"} {
		s.settle(last, outcome, 0, "")
		if outcome == "permanent" {
			_, err := s.Resend(soon(t), tester, l.ID)
			must(t, err)
		}
		if last = s.claim(l.ID); !bytes.Equal(last.Raw, first.Raw) || last.Letter.RFCMessageID != l.RFCMessageID {
			t.Errorf("after %s another letter is sent", outcome)
		}
	}
}
