package mailbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// unexpected are responses that a server may send at any time (RFC 9051 7) and
// that the library either does not know or cannot parse.
var unexpected = []string{
	"* VANISHED (EARLIER) 1:5\r\n",
	"* XVENDOR something \"quoted\" (a b)\r\n",
	"* XBLOB {11}\r\nT1 OK\r\n* 9 {3}\r\nabc more\r\n",
	"* 5 XFOO bar\r\n",
	"* SEARCH 1 2 3\r\n",
	"* OK [ALERT] The disk is full {5}\r\n",
	"* OK [PERMANENTFLAGS (\\Seen [weird] a]b \\*)] x\r\n",
	"* OK [NOMODSEQ\r\n",
	"* OK\r\n",
	"* NO [OVERQUOTA] x\r\n",
	"* BAD what?\r\n",
	"* FLAGS (\\Seen [weird)\r\n",
	"* STATUS INBOX (MESSAGES x)\r\n",
	"* 2 FETCH (FLAGS (\\Seen))\r\n",
	"* ok Still here\r\n",
	"* \r\n",
}

func TestUnexpectedResponsesAreHarmless(t *testing.T) {
	t.Parallel()
	noise := strings.Join(unexpected, "")
	replies := make(map[string]reply)
	for name, r := range defaultReplies() {
		replies[name] = func(c *talk, tag, args string) {
			if name != "GREETING" {
				c.send("%s", noise)
			}
			r(c, tag, args)
		}
	}
	s := dialFake(t, replies)
	for command, step := range steps {
		if err := step(within(t), s); err != nil {
			t.Errorf("%s: %v", command, err)
		}
	}
	got, missing, err := collect(within(t), s, fakeMetas(1, 2, 3))
	if err != nil || missing != nil {
		t.Fatalf("missing %v, %v", missing, err)
	}
	mustHave(t, got, 1, 2, 3)
}

// RFC 9051 9: the text of a status response holds no literal, even if it looks
// like one.
func TestTextAnnouncesNoLiteral(t *testing.T) {
	t.Parallel()
	s := dialFake(t, map[string]reply{"NOOP": func(c *talk, tag, _ string) {
		c.send("* OK Still here {9}\r\n* 4 EXISTS\r\n%s OK done {5}\r\n", tag)
	}})
	for range 2 {
		if err := s.Noop(within(t)); err != nil {
			t.Fatal(err)
		}
		if news, err := s.Idle(within(t), time.Millisecond); err != nil || !news {
			t.Fatalf("news %v, %v; want those of the EXISTS after the text", news, err)
		}
	}
}

func TestByeTellsItsReason(t *testing.T) {
	t.Parallel()
	for command, step := range steps {
		s := dialFake(t, map[string]reply{command: afterFirst(command, func(c *talk, _, _ string) {
			c.send("* BYE [UNAVAILABLE] Maintenance of %s, ask postmaster@mail.example (%s)\r\n", fakeUser, fakePassword)
			_ = c.conn.Close()
		})})
		err := step(within(t), s)
		mustBe(t, err, mailbox.ErrServerGone)
		if !strings.Contains(err.Error(), "Maintenance") {
			t.Errorf("%s: error %q does not repeat the server's reason", command, err)
		}
	}
}

func TestGarbageEndsTheSession(t *testing.T) {
	t.Parallel()
	for _, garbage := range []string{
		"\r\n",
		"\x00\x00\x00\x00\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"+ unasked\r\n",
		"T999 OK done\r\n",
		"* 2 FETCH (UID x)\r\n",
		"* 2 FETCH (UID 2 XITEM 5)\r\n",
		"* 99999999999 EXISTS\r\n",
		"* LIST () \"/\" {5}\r\n\xff\xfe\xfd\xfc\xfb\r\n",
		strings.Repeat("(", 2000) + "\r\n",
		"* 1 FETCH (UID 1 FLAGS " + strings.Repeat("(", 5000) + "\r\n",
		"* OK " + strings.Repeat("x", 2<<20),
	} {
		s := dialFake(t, map[string]reply{"NOOP": func(c *talk, tag, args string) {
			c.send("%s", garbage)
			ok(c, tag, args)
			c.stall()
		}})
		err := s.Noop(within(t))
		mustBe(t, err, mailbox.ErrProtocol)
		if len(err.Error()) > 500 {
			t.Errorf("%.20q: the error repeats %d bytes", garbage, len(err.Error()))
		}
	}
}
