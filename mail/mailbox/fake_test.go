package mailbox_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

const (
	fakeUser     = "desk-user"
	fakePassword = "s3cret-horse"

	// patient bounds what a test waits for in all.
	patient = 20 * time.Second
)

// Limits short enough to run into and long enough for a loaded machine: for the
// fake server, and for a real one.
var (
	quick     = mailbox.Timeouts{Dial: 3 * time.Second, Command: 3 * time.Second, Read: time.Second}
	unhurried = mailbox.Timeouts{Dial: 10 * time.Second, Command: 8 * time.Second, Read: 4 * time.Second}
)

// talk is one connection to the fake server.
type talk struct {
	t    *testing.T
	conn net.Conn
	br   *bufio.Reader
}

// send writes raw bytes; a client that has gone is part of many tests.
func (c *talk) send(format string, args ...any) {
	_, _ = fmt.Fprintf(c.conn, format, args...)
}

func (c *talk) line() (string, bool) {
	line, err := c.br.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err == nil
}

// stall keeps the connection open and silent until the client leaves.
func (c *talk) stall() { _, _ = io.Copy(io.Discard, c.conn) }

// reply answers one command; its tag is to be used in the answer.
type reply func(c *talk, tag, args string)

// fake is a server that answers like an IMAP server of 3 emails, except where a
// test scripts another reply. Keys are command names in upper case, "UID FETCH"
// among them; "GREETING" is what begins a connection.
type fake struct {
	replies map[string]reply
	tls     *tls.Config

	mu   sync.Mutex
	seen []string // commands, without their arguments
}

const fakeCaps = "IMAP4rev1 IDLE"

// fakeEmail is the email behind each UID of the fake server.
func fakeEmail(uid uint32) string {
	return fmt.Sprintf("Subject: number %d\r\n\r\nThe text of it.\r\n", uid)
}

// describe is the metadata response of one email.
func describe(seq int, uid uint32, size int) string {
	return fmt.Sprintf("* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE \"22-Nov-2026 10:00:00 +0000\" RFC822.SIZE %d)\r\n", seq, uid, size)
}

// sendEmail is the response that carries one email.
func sendEmail(seq int, uid uint32, raw string) string {
	return fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", seq, uid, len(raw), raw)
}

func ok(c *talk, tag, _ string) { c.send("%s OK done\r\n", tag) }

func stall(c *talk, _, _ string) { c.stall() }

// say answers with untagged text and then OK.
func say(text string) reply {
	return func(c *talk, tag, _ string) { c.send("%s%s OK done\r\n", text, tag) }
}

func defaultReplies() map[string]reply {
	return map[string]reply{
		"GREETING":   func(c *talk, _, _ string) { c.send("* OK [CAPABILITY %s] ready\r\n", fakeCaps) },
		"CAPABILITY": say("* CAPABILITY " + fakeCaps + "\r\n"),
		"LOGIN":      ok,
		"NOOP":       ok,
		"LIST":       say("* LIST () \"/\" INBOX\r\n"),
		"EXAMINE":    say("* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n"),
		"FETCH":      say(describe(3, 3, len(fakeEmail(3)))),
		"UID FETCH": func(c *talk, tag, args string) {
			for uid := uint32(1); uid <= 3; uid++ {
				if strings.Contains(args, "BODY.PEEK[]") {
					c.send("%s", sendEmail(int(uid), uid, fakeEmail(uid)))
				} else {
					c.send("%s", describe(int(uid), uid, len(fakeEmail(uid))))
				}
			}
			ok(c, tag, args)
		},
		"IDLE": func(c *talk, tag, _ string) {
			c.send("+ idling\r\n")
			c.line()
			c.send("%s OK done\r\n", tag)
		},
	}
}

// start serves until the test ends and returns the account to dial.
func (f *fake) start(t *testing.T) mailbox.Account {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	replies := defaultReplies()
	for name, r := range f.replies {
		replies[name] = r
	}
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if f.tls != nil {
				conn = tls.Server(conn, f.tls)
			}
			serving.Go(func() { f.serve(t, conn, replies) })
		}
	})
	return mailbox.Account{
		Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port,
		Security: mailbox.SecurityNone, Username: fakeUser, Password: fakePassword,
	}
}

func (f *fake) serve(t *testing.T, conn net.Conn, replies map[string]reply) {
	defer func() { _ = conn.Close() }()
	// A test that forgets to hang up must not hang.
	_ = conn.SetDeadline(time.Now().Add(2 * patient))
	c := &talk{t: t, conn: conn, br: bufio.NewReader(conn)}
	replies["GREETING"](c, "", "")
	for {
		line, alive := c.line()
		if !alive {
			return
		}
		tag, rest, _ := strings.Cut(line, " ")
		name, args, _ := strings.Cut(rest, " ")
		if name = strings.ToUpper(name); name == "UID" {
			var second string
			second, args, _ = strings.Cut(args, " ")
			name += " " + strings.ToUpper(second)
		}
		f.note(name)
		if r := replies[name]; r != nil {
			r(c, tag, args)
			continue
		}
		c.send("%s BAD unknown command\r\n", tag)
	}
}

func (f *fake) note(command string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, command)
}

// commands returns the names of the commands received so far.
func (f *fake) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.seen...)
}

// within bounds a test's own waits.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	t.Cleanup(cancel)
	return ctx
}

// dialAccount dials with the quick limits and closes with the test.
func dialAccount(t *testing.T, a mailbox.Account) *mailbox.Session {
	t.Helper()
	return dialWith(t, a, quick)
}

func dialWith(t *testing.T, a mailbox.Account, limits mailbox.Timeouts) *mailbox.Session {
	t.Helper()
	s, err := mailbox.Dial(within(t), a, limits)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// dialFake starts a fake server with these replies and opens its INBOX.
func dialFake(t *testing.T, replies map[string]reply) *mailbox.Session {
	t.Helper()
	return openFake(t, dialAccount(t, (&fake{replies: replies}).start(t)))
}

func openFake(t *testing.T, s *mailbox.Session) *mailbox.Session {
	t.Helper()
	if _, err := s.Open(within(t), "INBOX"); err != nil {
		t.Fatalf("open INBOX: %v", err)
	}
	return s
}

// fakeMetas is what the fake server lists.
func fakeMetas(uids ...uint32) []mailbox.Meta {
	metas := make([]mailbox.Meta, len(uids))
	for i, uid := range uids {
		metas[i] = mailbox.Meta{UID: uid, Size: int64(len(fakeEmail(uid)))}
	}
	return metas
}

// collect fetches into memory.
func collect(ctx context.Context, s *mailbox.Session, metas []mailbox.Meta) (map[uint32]string, []uint32, error) {
	emails := make(map[uint32]string)
	missing, err := s.Fetch(ctx, metas, func(m mailbox.Meta, body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err == nil {
			emails[m.UID] = string(raw)
		}
		return err
	})
	return emails, missing, err
}
