package mailbox_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// steps are the ways in which a session waits for the server.
var steps = map[string]func(context.Context, *mailbox.Session) error{
	"NOOP": func(ctx context.Context, s *mailbox.Session) error { return s.Noop(ctx) },
	"LIST": func(ctx context.Context, s *mailbox.Session) error { _, err := s.Folders(ctx); return err },
	"EXAMINE": func(ctx context.Context, s *mailbox.Session) error {
		_, err := s.Open(ctx, "INBOX")
		return err
	},
	"FETCH": func(ctx context.Context, s *mailbox.Session) error {
		return s.List(ctx, 1, 0, func(mailbox.Meta) error { return nil })
	},
	"UID FETCH": func(ctx context.Context, s *mailbox.Session) error {
		_, _, err := collect(ctx, s, fakeMetas(1, 2, 3))
		return err
	},
	"IDLE": func(ctx context.Context, s *mailbox.Session) error {
		_, err := s.Idle(ctx, time.Millisecond)
		return err
	},
}

// afterFirst lets a command succeed once, for the opening of the folder.
func afterFirst(command string, then reply) reply {
	if command != "EXAMINE" {
		return then
	}
	first := true
	return func(c *talk, tag, args string) {
		if first {
			first = false
			defaultReplies()[command](c, tag, args)
			return
		}
		then(c, tag, args)
	}
}

func TestEveryWaitForASilentServerEnds(t *testing.T) {
	t.Parallel()
	for command, step := range steps {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			s := dialFake(t, map[string]reply{command: afterFirst(command, stall)})
			begun := time.Now()
			mustBe(t, step(within(t), s), mailbox.ErrTimeout)
			if took := time.Since(begun); took < quick.Read/2 || took > 3*quick.Read {
				t.Errorf("ended after %v; want about the %v of the Read limit", took, quick.Read)
			}
			mustBe(t, s.Noop(within(t)), mailbox.ErrTimeout) // the session stays dead, and says why
		})
	}
	for _, command := range []string{"GREETING", "CAPABILITY", "LOGIN"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			a := (&fake{replies: map[string]reply{command: stall}}).start(t)
			_, err := mailbox.Dial(within(t), a, quick)
			mustBe(t, err, mailbox.ErrTimeout)
		})
	}
	for _, security := range []mailbox.Security{mailbox.SecurityTLS, mailbox.SecuritySTARTTLS} {
		t.Run(string(security), func(t *testing.T) {
			t.Parallel()
			a := (&fake{replies: map[string]reply{"GREETING": stall}}).start(t)
			a.Security = security
			_, err := mailbox.Dial(within(t), a, quick)
			mustBe(t, err, mailbox.ErrTimeout)
		})
	}
}

// drip sends byte by byte, each in time, without end.
func drip(text string) reply {
	return func(c *talk, _, _ string) {
		c.send("%s", text)
		for range 1000 {
			time.Sleep(quick.Read / 10)
			if _, err := io.WriteString(c.conn, "x"); err != nil {
				return
			}
		}
	}
}

func TestSlowDripEnds(t *testing.T) {
	t.Parallel()
	for command, step := range steps {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			text := "* OK "
			if command == "UID FETCH" {
				text = "* 1 FETCH (UID 1 BODY[] {40}\r\n"
			}
			s := dialFake(t, map[string]reply{command: afterFirst(command, drip(text))})
			begun := time.Now()
			mustBe(t, step(within(t), s), mailbox.ErrTimeout)
			if took := time.Since(begun); took < quick.Command/2 || took > 2*quick.Command {
				t.Errorf("ended after %v; want about the %v of the Command limit", took, quick.Command)
			}
		})
	}
}

func TestIdleNotEndedByTheServer(t *testing.T) {
	t.Parallel()
	s := dialFake(t, map[string]reply{"IDLE": func(c *talk, _, _ string) {
		c.send("+ idling\r\n")
		c.stall()
	}})
	_, err := s.Idle(within(t), time.Millisecond)
	mustBe(t, err, mailbox.ErrTimeout)
}

// An idle connection is not a silent one: between commands nothing is due.
func TestSessionRestsLongerThanItsLimits(t *testing.T) {
	t.Parallel()
	a := (&fake{}).start(t)
	s, err := mailbox.Dial(within(t), a, mailbox.Timeouts{Command: 400 * time.Millisecond, Read: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	time.Sleep(600 * time.Millisecond)
	if err := s.Noop(within(t)); err != nil {
		t.Fatalf("noop after a rest: %v", err)
	}
	if _, err := s.Idle(within(t), 600*time.Millisecond); err != nil {
		t.Fatalf("idle for longer than the limits of a command: %v", err)
	}
}

// The time that the caller's function takes is not the server's.
func TestSlowCallerIsNoTimeout(t *testing.T) {
	t.Parallel()
	a := (&fake{}).start(t)
	s, err := mailbox.Dial(within(t), a, mailbox.Timeouts{Command: 400 * time.Millisecond, Read: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Open(within(t), "INBOX"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Fetch(within(t), fakeMetas(1, 2, 3), func(_ mailbox.Meta, body io.Reader) error {
		var half [10]byte
		if _, err := io.ReadFull(body, half[:]); err != nil {
			return err
		}
		time.Sleep(600 * time.Millisecond)
		_, err := io.Copy(io.Discard, body)
		return err
	})
	if err != nil {
		t.Fatalf("fetch with a slow function: %v", err)
	}
	if err := s.Noop(within(t)); err != nil {
		t.Fatalf("noop afterwards: %v", err)
	}
}

func TestContextEndsEveryWait(t *testing.T) {
	t.Parallel()
	for command, step := range steps {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			s := dialFake(t, map[string]reply{command: afterFirst(command, stall)})
			ctx, cancel := context.WithCancel(within(t))
			time.AfterFunc(50*time.Millisecond, cancel)
			begun := time.Now()
			if err := step(ctx, s); !errors.Is(err, context.Canceled) {
				t.Fatalf("error is %v; want the context's", err)
			}
			if took := time.Since(begun); took > quick.Read/2 {
				t.Errorf("ended after %v; want at once", took)
			}
		})
	}
	t.Run("slice of IDLE", func(t *testing.T) {
		t.Parallel()
		s := dialFake(t, nil)
		ctx, cancel := context.WithCancel(within(t))
		time.AfterFunc(50*time.Millisecond, cancel)
		if news, err := s.Idle(ctx, time.Minute); news || !errors.Is(err, context.Canceled) {
			t.Fatalf("idle says %v, %v; want the context's error", news, err)
		}
	})
	t.Run("before the command", func(t *testing.T) {
		t.Parallel()
		s := dialFake(t, nil)
		ctx, cancel := context.WithCancel(within(t))
		cancel()
		for command, step := range steps {
			if err := step(ctx, s); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: error is %v; want the context's", command, err)
			}
		}
		if err := s.Noop(within(t)); err != nil {
			t.Errorf("the session died although nothing was sent: %v", err)
		}
	})
}

func TestCloseEndsEveryWait(t *testing.T) {
	t.Parallel()
	for command, step := range steps {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			s := dialFake(t, map[string]reply{command: afterFirst(command, stall)})
			time.AfterFunc(50*time.Millisecond, func() { _ = s.Close() })
			begun := time.Now()
			mustBe(t, step(within(t), s), mailbox.ErrClosed)
			if took := time.Since(begun); took > quick.Read/2 {
				t.Errorf("ended after %v; want at once", took)
			}
			if err := s.Close(); err != nil {
				t.Errorf("second close: %v", err)
			}
			mustBe(t, step(within(t), s), mailbox.ErrClosed)
		})
	}
}
