package outbox

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/vault"
)

func TestNothingToClaim(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	if _, wait, ok, err := s.Claim(soon(t), Owed{ID: uuid.New()}); ok || wait != 0 || err != nil {
		t.Errorf("no such letter: %v %v %v", ok, wait, err)
	}
	l := s.queue(s.draft())
	s.test.Fixture(t, `update letters set next_attempt_at = now() + interval '1 minute'`)
	if _, wait, ok, err := s.Claim(soon(t), Owed{ID: l.ID}); ok || wait <= 0 || wait > time.Minute || err != nil {
		t.Errorf("before its time: %v %v %v", ok, wait, err)
	}
	for _, state := range []string{"state = 'sent'", "state = 'failed'", "state = 'unknown', unknowns = 2"} {
		s.test.Fixture(t, `update letters set next_attempt_at = now(), `+state)
		if _, wait, ok, err := s.Claim(soon(t), Owed{ID: l.ID}); ok || wait != 0 || err != nil {
			t.Errorf("%s: %v %v %v", state, ok, wait, err)
		}
	}
	if got := s.text(`select attempts::text from letters`); got != "0" {
		t.Errorf("%s attempts were counted", got)
	}
}

// dies finds the letter as its process left it, and returns how long it is left alone.
func (s scene) dies(id uuid.UUID) time.Duration {
	s.t.Helper()
	a, wait, ok, err := s.Claim(soon(s.t), Owed{ID: id})
	if ok || err != nil || a.Letter.State != Unknown {
		s.t.Errorf("the letter of a dead process: %v %v %s", ok, err, a.Letter.State)
	}
	return wait
}

// Tried: the process dies after each claim of a letter, as one does that the letter kills. It is sent once
// more, and then no more until somebody wants it.
func TestLetterOfADeadProcessIsSentOnceMore(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	l := s.queue(s.draft())
	s.claim(l.ID)
	wait := s.dies(l.ID)
	if got := s.state(l.ID); wait <= 0 || wait > doubtPause || !strings.HasPrefix(got, "unknown 1 1 - the program ended") {
		t.Errorf("after the first death: %s, again in %v", got, wait)
	}
	if _, again, ok, err := s.Claim(soon(t), Owed{ID: l.ID}); ok || err != nil || again > wait {
		t.Errorf("before its time: %v, again in %v: %v", ok, again, err)
	}
	if a := s.claim(l.ID); a.Letter.Attempts != 2 || a.Letter.Unknowns != 1 {
		t.Errorf("the second attempt is %d with %d unknown", a.Letter.Attempts, a.Letter.Unknowns)
	}
	if wait := s.dies(l.ID); wait != 0 || !strings.HasPrefix(s.state(l.ID), "unknown 2 2 - the program ended") {
		t.Errorf("after the second death: %s, again in %v", s.state(l.ID), wait)
	}
	if _, wait, ok, err := s.Claim(soon(t), Owed{ID: l.ID}); ok || wait != 0 || err != nil {
		t.Errorf("claimed a third time: %v %v %v", ok, wait, err)
	}
	_, err := s.Resend(soon(t), tester, l.ID)
	must(t, err)
	if a := s.claim(l.ID); a.Letter.Unknowns != 0 {
		t.Error("a letter that is resent has its old doubts")
	}
}

// Tried: an answer that was lost and a process that died count as the same doubt, in both orders; and a server
// that takes the second copy.
func TestDoubtsAddUp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	lost, dead, well := s.queue(s.draft()), s.queue(s.draft()), s.queue(s.draft())
	s.settle(s.claim(lost.ID), "unknown", 0, "no answer")
	s.claim(lost.ID)
	if wait := s.dies(lost.ID); wait != 0 {
		t.Errorf("unknown and then dead: again in %v", wait)
	}
	for _, id := range []uuid.UUID{dead.ID, well.ID} {
		s.claim(id)
		s.dies(id)
	}
	if again := s.settle(s.claim(dead.ID), "unknown", 0, "no answer"); again != 0 || !strings.HasPrefix(s.state(dead.ID), "unknown 2 2") {
		t.Errorf("dead and then unknown: %s, again in %v", s.state(dead.ID), again)
	}
	s.settle(s.claim(well.ID), "accepted", 250, "")
	if got := s.state(well.ID); got != "sent 2 1 250 - 0" {
		t.Errorf("dead and then taken: %s", got)
	}
}

// Tried: a letter whose bytes are gone, sealed with a key that is lost, and not what was sealed. Nothing can be
// sent, now or later: it fails, with a word.
func TestLetterWithoutUsableBytesHasAFlaw(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other, err := vault.New(bytes.Repeat([]byte{2}, vault.KeySize))
	must(t, err)
	for sealed, want := range map[string][]byte{flawGone: nil, flawSealed: New(s.db, other, patience).seal("a@b.example", []byte("x")),
		flawDamaged: s.vault.Seal(bytesPurpose, []byte("x"))} {
		want, sealed := sealed, want
		l := s.queue(s.draft())
		s.test.Fixture(t, `delete from letter_bytes where letter_id = $1`, l.ID)
		if sealed != nil {
			s.test.Fixture(t, `insert into letter_bytes (letter_id, data) values ($1, $2)`, l.ID, sealed)
		}
		a := s.claim(l.ID)
		if a.Flaw != want || a.Raw != nil {
			t.Errorf("%q, want %q", a.Flaw, want)
		}
		s.settle(a, "permanent", 0, a.Flaw)
		if got := s.state(l.ID); got != "failed 1 0 - "+want+" 0" {
			t.Errorf("the letter is %s", got)
		}
	}
	if got := s.text(`select count(*)::text from audit_entries where kind = 'letter.failed'`); got != "3" {
		t.Errorf("%s failures are on record", got)
	}
}

// Tried: two jobs of one letter in the same moment, and two processes that lock the same letters in opposite
// order.
func TestOneCallerGetsALetter(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	a, b := s.queue(s.draft()).ID, s.queue(s.draft()).ID
	got, err := s.claimAll(soon(t), []Owed{{ID: a}, {ID: a}, {ID: b}})
	must(t, err)
	if !got[0].ok || got[1].ok || !got[2].ok || got[2].letter.ID != b {
		t.Errorf("claimed %v %v %v", got[0].ok, got[1].ok, got[2].ok)
	}
	var wait sync.WaitGroup
	for range 20 {
		for _, ids := range [][]Owed{{{ID: a}, {ID: b}}, {{ID: b}, {ID: a}}} {
			wait.Go(func() {
				_, err := s.claimAll(soon(t), ids)
				must(t, err)
			})
		}
	}
	wait.Wait()
	if got := s.state(a); !strings.HasPrefix(got, "unknown 1 1") {
		t.Errorf("after forty more claims: %s", got)
	}
}

// Tried: forty letters that are claimed and taken at once, beside one that is not there and one that is not due.
// The transaction that wrote a row is its xmin.
func TestClaimsShareTransactions(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const n = 40
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = s.queue(s.draft()).ID
	}
	later := s.queue(s.draft()).ID
	s.test.Fixture(t, `update letters set next_attempt_at = now() + interval '1 hour' where id = $1`, later)
	transactions := func() (count int) {
		_, err := fmt.Sscan(s.text(`select count(distinct xmin::text)::text from letters`), &count)
		must(t, err)
		return count
	}
	var wait sync.WaitGroup
	attempts := make([]Attempt, n)
	for i, id := range append(ids, uuid.New(), later) {
		wait.Go(func() {
			a, pause, ok, err := s.Claim(soon(t), Owed{ID: id})
			if err != nil || ok != (i < n) || (pause > 0) != (id == later) {
				t.Errorf("letter %d: %v %v %v", i, ok, pause, err)
			}
			if i < n && (a.Letter.ID != id || !bytes.Contains(a.Raw, []byte(a.Letter.RFCMessageID))) {
				t.Errorf("letter %d came with another's bytes", i)
			}
			if i < n {
				attempts[i] = a
			}
		})
	}
	wait.Wait()
	if got := transactions(); got > n/2 {
		t.Errorf("%d transactions for %d claims at once", got, n)
	}
	for i, a := range attempts {
		wait.Go(func() { s.settle(a, "accepted", 200+i, "") })
	}
	wait.Wait()
	if got := transactions(); got > n/2 {
		t.Errorf("%d transactions for %d letters that were taken at once", got, n)
	}
	for i, id := range ids {
		if got, want := s.state(id), fmt.Sprintf("sent 1 0 %d - 0", 200+i); got != want {
			t.Errorf("letter %d: %s, want %s", i, got, want)
		}
	}
}

// Tried: the database is away. Nobody waits for ever, everybody is told, and the next one is served.
func TestClaimsSurviveAnOutage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	l := s.queue(s.draft())
	s.test.Fixture(t, `alter table letters rename to letters_away`)
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			if _, _, ok, err := s.Claim(soon(t), Owed{ID: l.ID}); ok || err == nil {
				t.Errorf("claimed from a table that is not there: %v", ok)
			}
			if _, err := s.Settle(soon(t), l, Report{Outcome: "accepted"}); err == nil {
				t.Error("settled in a table that is not there")
			}
		})
	}
	wait.Wait()
	s.test.Fixture(t, `alter table letters_away rename to letters`)
	s.settle(s.claim(l.ID), "accepted", 250, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, ok, err := s.Claim(ctx, Owed{ID: l.ID}); ok {
		t.Errorf("claimed with an ended context: %v", err)
	}
}
