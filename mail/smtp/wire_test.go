package smtp

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestStepsGetNoTimeOnceTheContextEnded(t *testing.T) {
	t.Parallel()
	conn := &memoryConn{}
	w := &wire{Conn: conn, grace: time.Minute}
	left := func() time.Duration { return time.Until(conn.until).Round(time.Minute) }

	ctx, cancel := context.WithCancel(t.Context())
	stop := w.watch(ctx)
	w.step(time.Hour)
	if left() != time.Hour {
		t.Errorf("a step has %v left", left())
	}
	cancel()
	stop()
	w.step(time.Hour)
	if left() > 0 {
		t.Errorf("a step after the end has %v left", left())
	}
	w.awaitReply(time.Hour)
	if left() != time.Minute {
		t.Errorf("the reply has %v left, expected the grace", left())
	}
	w.watch(t.Context())() // the next letter
	w.step(time.Hour)
	if left() != time.Hour {
		t.Errorf("the next letter's step has %v left", left())
	}
}

func TestGraceNeverLengthensTheWait(t *testing.T) {
	t.Parallel()
	conn := &memoryConn{}
	w := &wire{Conn: conn, grace: time.Hour}
	ctx, cancel := context.WithCancel(t.Context())
	stop := w.watch(ctx)
	w.awaitReply(time.Minute)
	cancel()
	stop()
	if left := time.Until(conn.until); left > time.Minute {
		t.Errorf("the reply has %v left", left)
	}
}

func TestServerCannotTalkWithoutEnd(t *testing.T) {
	t.Parallel()
	w := &wire{Conn: &memoryConn{input: strings.NewReader(strings.Repeat("250-x\r\n", maxReply/4))}}
	n, err := io.Copy(io.Discard, w)
	if !errors.Is(err, errReplyTooLong) || n > maxReply {
		t.Errorf("read %d bytes: %v", n, err)
	}
	w = &wire{Conn: &memoryConn{input: strings.NewReader(strings.Repeat("x", 3*maxReply/2))}}
	for range 3 {
		w.step(time.Minute)
		if _, err := io.CopyN(io.Discard, w, maxReply/2); err != nil {
			t.Errorf("several steps share one bound: %v", err)
		}
	}
}
