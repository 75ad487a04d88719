package worker

import (
	"errors"
	"testing"
	"time"
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
