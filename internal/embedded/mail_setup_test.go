package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	testPassword = "correct horse battery"
	testDomain   = "desk.example"
	testSupport  = "support@desk.example"
	testSender   = "ann@client.example"
)

func mailConfig(dir string) MailConfig {
	return MailConfig{
		Dir: dir, SMTPAddr: "127.0.0.1:0", IMAPAddr: "127.0.0.1:0",
		Password: testPassword, Domain: testDomain,
	}
}

func startMail(t testing.TB, c MailConfig) *Mail {
	t.Helper()
	m, err := StartMail(t.Context(), c)
	if err != nil {
		t.Fatalf("StartMail: %v", err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return m
}

// testEmail is an email of about size bytes whose subject tells it apart.
func testEmail(subject string, size int) []byte {
	head := fmt.Sprintf("From: Ann <%s>\r\nTo: %s\r\nSubject: %s\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n",
		testSender, testSupport, subject)
	line := strings.Repeat("x", 70) + "\r\n"
	return []byte(head + strings.Repeat(line, size/len(line)+1))
}

func sendMail(t testing.TB, addr string, raw []byte, to ...string) {
	t.Helper()
	if err := smtp.SendMail(addr, nil, testSender, to, raw); err != nil {
		t.Fatalf("sending to %v: %v", to, err)
	}
}

func dialIMAP(t testing.TB, addr string, o *imapclient.Options) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(addr, o)
	if err != nil {
		t.Fatalf("IMAP: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// openInbox logs in and selects INBOX.
func openInbox(t testing.TB, addr string, user string) (*imapclient.Client, *imap.SelectData) {
	t.Helper()
	c := dialIMAP(t, addr, nil)
	if err := c.Login(user, testPassword).Wait(); err != nil {
		t.Fatalf("IMAP login as %s: %v", user, err)
	}
	data, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatalf("SELECT: %v", err)
	}
	return c, data
}

func wholeBody() *imap.FetchItemBodySection { return &imap.FetchItemBodySection{Peek: true} }

// fetchAll returns every message of the selected folder.
func fetchAll(t testing.TB, c *imapclient.Client) []*imapclient.FetchMessageBuffer {
	t.Helper()
	return fetchFrom(t, c, 1)
}

func fetchFrom(t testing.TB, c *imapclient.Client, uid uint32) []*imapclient.FetchMessageBuffer {
	t.Helper()
	set := imap.UIDSet{{Start: imap.UID(uid), Stop: 0}}
	messages, err := c.Fetch(set, &imap.FetchOptions{
		UID: true, Flags: true, InternalDate: true, RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{wholeBody()},
	}).Collect()
	if err != nil {
		t.Fatalf("FETCH: %v", err)
	}
	return messages
}

// inbox is one mailbox's emails, read anew.
func inbox(t testing.TB, addr string, user string) []*imapclient.FetchMessageBuffer {
	t.Helper()
	c, _ := openInbox(t, addr, user)
	return fetchAll(t, c)
}

func bodyOf(t testing.TB, m *imapclient.FetchMessageBuffer) []byte {
	t.Helper()
	body := m.FindBodySection(wholeBody())
	if int64(len(body)) != m.RFC822Size {
		t.Fatalf("uid %d: %d bytes came, RFC822.SIZE says %d", m.UID, len(body), m.RFC822Size)
	}
	return body
}

// headerField returns the first field of that name, unfolded.
func headerField(raw []byte, name string) string {
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	for line := range strings.SplitSeq(strings.ReplaceAll(head, "\r\n\t", " "), "\r\n") {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	return ""
}

// talk is a raw SMTP conversation, for what a well-behaved client never says.
type talk struct {
	net.Conn
	t *testing.T
}

func talkTo(t *testing.T, addr string) talk {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("dialling: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return talk{Conn: c, t: t}
}

// say sends text, which the server may refuse to read to the end.
func (c talk) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Logf("the server stopped reading: %v", err)
	}
}

// hear returns what the server says until it closes the connection.
func (c talk) hear() string {
	c.t.Helper()
	heard, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the server neither closed nor went on; it said %q", heard)
	}
	return string(heard)
}

func journalPath(dir string) string { return filepath.Join(dir, mailJournalName) }

func stopped(t testing.TB, m *Mail) {
	t.Helper()
	if err := m.Stop(); err != nil {
		t.Fatalf("Stop: %v", err)
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// describe puts everything that must outlive a restart into words.
func describe(s *mailState) string {
	var lines []string
	for owner, folders := range s.owners {
		for name, f := range folders {
			line := fmt.Sprintf("%q %q %d next %d subscribed %v:", owner, name, f.id, f.uidNext, f.subscribed)
			for _, m := range f.messages {
				line += fmt.Sprintf(" %d %v %q %v %v;", m.uid, m.time.UTC(), m.flags, m.head, m.body)
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// endOfInput closes the client's side, and goes on listening.
func (c talk) endOfInput() {
	c.t.Helper()
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		c.t.Logf("the server had closed: %v", err)
	}
}
