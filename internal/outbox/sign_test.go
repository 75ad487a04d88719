package outbox

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// Tried: a signature kept at the first attempt and found at the next and after a resend; kept twice; kept for an
// attempt that is over, or that is another's.
func TestSignatureIsKeptWithTheLetter(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	l := s.queue(s.draft())
	first := s.claim(l.ID)
	if !first.MaySign() || first.Signed {
		t.Error("a new letter may be signed")
	}
	field := []byte("DKIM-Signature: one\r\n")
	signed, err := s.KeepSignature(soon(t), first, field)
	must(t, err)
	want := string(field) + string(first.Raw)
	if string(signed.Raw) != want || signed.MaySign() || bytes.HasPrefix(first.Raw, field) {
		t.Errorf("signed: %.100q", signed.Raw)
	}
	if _, err := s.KeepSignature(soon(t), first, []byte("DKIM-Signature: two\r\n")); !errors.Is(err, ErrOvertaken) {
		t.Errorf("a second signature: %v", err)
	}
	s.settle(signed, "temporary", 451, "later")
	if second := s.claim(l.ID); string(second.Raw) != want || second.MaySign() || second.EnvelopeFrom != first.EnvelopeFrom {
		t.Errorf("the second attempt sends %.100q", second.Raw)
	} else {
		s.settle(second, "permanent", 550, "no")
	}
	_, err = s.Resend(soon(t), tester, l.ID)
	must(t, err)
	if again := s.claim(l.ID); string(again.Raw) != want {
		t.Errorf("resent as %.100q", again.Raw)
	}
	other := s.queue(s.draft())
	a := s.claim(other.ID)
	s.settle(a, "temporary", 451, "later")
	if _, err := s.KeepSignature(soon(t), a, field); !errors.Is(err, ErrOvertaken) {
		t.Errorf("after its attempt: %v", err)
	}
	newer := s.claim(other.ID)
	if _, err := s.KeepSignature(soon(t), a, field); !errors.Is(err, ErrOvertaken) || newer.Signed {
		t.Errorf("for an attempt that is over: %v", err)
	}
	s.settle(newer, "unknown", 0, "no answer")
	if doubtful := s.claim(other.ID); doubtful.MaySign() {
		t.Error("a letter that may have arrived unsigned is sent again with other bytes")
	}
}

// Tried: which letters are hurried: those of the mailbox that wait after an attempt. Their jobs wake with them.
func TestLettersAreHurried(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	waiting, sent, doubtful := s.queue(s.draft()), s.queue(s.draft()), s.queue(s.draft())
	s.settle(s.claim(waiting.ID), "temporary", 0, "the login was refused")
	s.settle(s.claim(sent.ID), "accepted", 250, "")
	s.settle(s.claim(doubtful.ID), "unknown", 0, "no answer")
	s.test.Fixture(t, `update letters set next_attempt_at = now() + interval '1 hour'`)
	s.test.Fixture(t, `update river_job set state = 'scheduled', scheduled_at = now() + interval '1 hour'`)
	must(t, s.Hurry(soon(t), s.queue(s.draft()).ID)) // no mailbox has this id
	soonDue := `select coalesce(string_agg(id::text, ' '), '') from letters where attempts > 0 and next_attempt_at < now() + interval '1 minute'`
	if got := s.text(soonDue); got != "" {
		t.Errorf("letters of another mailbox are due: %s", got)
	}
	must(t, s.Hurry(soon(t), s.box.ID))
	if got := s.text(soonDue); got != waiting.ID.String() {
		t.Errorf("due soon are %q, want %s", got, waiting.ID)
	}
	woken := s.text(`select coalesce(string_agg(args ->> 'letter_id', ' '), '') from river_job where state = 'scheduled' and scheduled_at < now() + interval '1 minute'`)
	if strings.TrimSpace(woken) != waiting.ID.String() {
		t.Errorf("woken are the jobs of %q", woken)
	}
	if hurryPause < 2*time.Second {
		t.Error("a process may still use the login that it read before the change")
	}
}
