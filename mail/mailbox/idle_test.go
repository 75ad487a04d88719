package mailbox_test

import (
	"slices"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// idling begins IDLE, sends text after a moment and waits for the end.
func idling(text string) reply {
	return func(c *talk, tag, _ string) {
		c.send("+ idling\r\n")
		time.Sleep(20 * time.Millisecond)
		c.send("%s", text)
		if line, _ := c.line(); line != "DONE" && line != "" {
			c.t.Errorf("IDLE was ended by %q", line)
		}
		c.send("%s OK done\r\n", tag)
	}
}

func TestIdleNews(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"* 4 EXISTS\r\n":                              true,
		"* 4 EXISTS\r\n* 1 RECENT\r\n":                true,
		"* OK Still here\r\n":                         false,
		"* 2 FETCH (FLAGS (\\Seen))\r\n":              false,
		"* 2 EXPUNGE\r\n":                             false,
		"* VANISHED 1:2\r\n* XNEW (a b) {1}\r\nx\r\n": false,
		"": false,
	} {
		s := dialFake(t, map[string]reply{"IDLE": idling(text)})
		begun := time.Now()
		slice := 200 * time.Millisecond
		if want {
			slice = patient
		}
		news, err := s.Idle(within(t), slice)
		if err != nil || news != want {
			t.Errorf("after %q: news %v, %v; want %v", text, news, err, want)
		}
		if want && time.Since(begun) > patient/2 {
			t.Errorf("after %q: the news took %v", text, time.Since(begun))
		}
		if err := s.Noop(within(t)); err != nil {
			t.Errorf("after %q: noop: %v", text, err)
		}
	}
}

// What comes while another command is under way must not wait for the next news.
func TestIdleKnowsNewsFromBefore(t *testing.T) {
	t.Parallel()
	s := dialFake(t, map[string]reply{"NOOP": say("* 3 EXISTS\r\n")})
	if err := s.Noop(within(t)); err != nil {
		t.Fatal(err)
	}
	if news, err := s.Idle(within(t), patient); err != nil || !news {
		t.Fatalf("news %v, %v; want those that NOOP brought", news, err)
	}
	if news, err := s.Idle(within(t), time.Millisecond); err != nil || news {
		t.Fatalf("news %v, %v; want none a second time", news, err)
	}
	if err := s.Noop(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := list(within(t), s, 1, 0); err != nil {
		t.Fatal(err)
	}
	if news, err := s.Idle(within(t), time.Millisecond); err != nil || news {
		t.Fatalf("news %v, %v; want none after they were listed", news, err)
	}
}

func TestIdleTwice(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s := dialAccount(t, f.start(t))
	for range 2 {
		if news, err := s.Idle(within(t), time.Millisecond); news || err != nil {
			t.Fatalf("idle: %v, %v", news, err)
		}
	}
	if got := f.commands(); !slices.Equal(got[len(got)-2:], []string{"IDLE", "IDLE"}) {
		t.Errorf("commands were %v; want two IDLEs at the end", got)
	}
}

func TestNoIdle(t *testing.T) {
	t.Parallel()
	for name, replies := range map[string]map[string]reply{
		"not offered": {
			"GREETING":   func(c *talk, _, _ string) { c.send("* OK [CAPABILITY IMAP4rev1] x\r\n") },
			"CAPABILITY": say("* CAPABILITY IMAP4rev1\r\n"),
		},
		"refused": {"IDLE": func(c *talk, tag, _ string) { c.send("%s BAD what?\r\n", tag) }},
	} {
		s := dialFake(t, replies)
		_, err := s.Idle(within(t), time.Millisecond)
		mustBe(t, err, mailbox.ErrNoIdle)
		if err := s.Noop(within(t)); err != nil {
			t.Errorf("%s: noop afterwards: %v", name, err)
		}
	}
}

func TestIdleConnectionEnds(t *testing.T) {
	t.Parallel()
	s := dialFake(t, map[string]reply{"IDLE": func(c *talk, _, _ string) {
		c.send("+ idling\r\n* BYE shutting down, %s\r\n", fakeUser)
		_ = c.conn.Close()
	}})
	begun := time.Now()
	news, err := s.Idle(within(t), patient)
	mustBe(t, err, mailbox.ErrServerGone)
	if news || time.Since(begun) > patient/2 {
		t.Errorf("news %v after %v; want the end at once", news, time.Since(begun))
	}
}
