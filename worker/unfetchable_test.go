package worker

import (
	"errors"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// Tried: many failures in a moment, few over a long time, enough of both, another email in between.
func TestAnEmailIsGivenUpAfterTriesAndTime(t *testing.T) {
	t.Parallel()
	var h pigeonhole
	e, now := refusedEmail{folder: 1, uid: 7}, time.Now()
	for range 10 {
		if h.refuse(e, errors.New("no"), now) {
			t.Fatal("given up within a moment")
		}
	}
	if h.refuse(refusedEmail{folder: 1, uid: 8}, errors.New("no"), now.Add(time.Hour)) {
		t.Fatal("another email was given up at its first failure")
	}
	if !h.refuse(e, errors.New("no"), now.Add(giveUpAfter)) {
		t.Fatal("not given up after 11 tries in 10 minutes")
	}
	if h.refuse(e, errors.New("no"), now.Add(2*giveUpAfter)) {
		t.Fatal("an email that was given up is counted from its beginning again")
	}
}

// Tried: an email that came after all, another of its folder, one of another folder, a folder that begins anew.
func TestWhatCameIsNotHeldAgainstItsNumber(t *testing.T) {
	t.Parallel()
	var h pigeonhole
	seven, eight, other := refusedEmail{1, 7}, refusedEmail{1, 8}, refusedEmail{2, 7}
	for _, e := range []refusedEmail{seven, eight, other} {
		h.refuse(e, errors.New("no"), time.Now())
	}
	h.received(1, mailbox.Meta{UID: 7})
	if _, held := h.refused[seven]; held || len(h.refused) != 2 {
		t.Errorf("after UID 7 of folder 1 came: %v", h.refused)
	}
	h.received(1)
	if _, held := h.refused[other]; !held || len(h.refused) != 1 {
		t.Errorf("after folder 1 began anew: %v", h.refused)
	}
}
