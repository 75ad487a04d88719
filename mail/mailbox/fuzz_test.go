package mailbox

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

// seeds are server bytes, whole and broken.
var seeds = []string{
	"* OK ready\r\n",
	"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\nT1 OK done\r\n",
	"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\nT1 OK done\r\n",
	"* 1 FETCH (UID 1 BODY[] {6}\r\nhello)\r\nT1 OK done\r\n",
	"* 1 FETCH (UID 1 BODY[] {5}\r\nhel",
	"* 1 FETCH (UID 1 BODY[] {99999999999}\r\nhello)\r\n",
	"* 1 FETCH (UID 1 BODY[] {0}\r\n)\r\n* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\nT1 OK done\r\n",
	"* XBLOB {4}\r\nT1 O {3}\r\nabc\r\nT1 OK done\r\n",
	"* OK text {5}\r\n* BYE {3}\r\n",
	"* LIST () \"/\" {3}\r\nabc\r\n",
	"+ go on\r\n* 4 EXISTS\r\nT1 OK\r\n",
	"T1 NO [EXPUNGEISSUED] gone\r\n",
	"* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"22-Nov-2026 10:00:00 +0000\" RFC822.SIZE 5)\r\nT1 OK done\r\n",
	"\x00\xff{\r\n}\r\n",
}

// feed is a connection that gives these bytes, in pieces, and then ends. Behind
// a gate it gives them after the first command.
type feed struct {
	net.Conn
	rest  []byte
	piece int
	gate  chan struct{}
	open  sync.Once
}

func (f *feed) Read(b []byte) (int, error) {
	if f.gate != nil {
		<-f.gate
	}
	if len(f.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), f.piece)], f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func (f *feed) Write(b []byte) (int, error) { return len(b), f.Close() }

func (f *feed) Close() error {
	if f.gate != nil {
		f.open.Do(func() { close(f.gate) })
	}
	return nil
}

func (f *feed) SetReadDeadline(time.Time) error  { return nil }
func (f *feed) SetWriteDeadline(time.Time) error { return nil }

// FuzzWire: what the library gets is a part of what the server sent, in order,
// the same however it is cut into packets, and with no literal over the limit.
func FuzzWire(f *testing.F) {
	for i, seed := range seeds {
		f.Add([]byte(seed), uint16(i+1))
	}
	f.Fuzz(func(t *testing.T, sent []byte, piece uint16) {
		read := func(piece int) []byte {
			g := newGuard(&feed{rest: sent, piece: piece})
			out, err := io.ReadAll(newWire(g, g))
			if err == nil && len(out) > len(sent) {
				t.Fatalf("%d bytes became %d", len(sent), len(out))
			}
			return out
		}
		whole, cut := read(len(sent)+1), read(int(piece)%64+1)
		if !bytes.Equal(whole, cut) {
			t.Fatalf("in one piece %q, in pieces of %d %q", whole, int(piece)%64+1, cut)
		}
		if !isSubsequence(whole, sent) {
			t.Fatalf("%q became %q, which is no part of it", sent, whole)
		}
	})
}

func isSubsequence(part, of []byte) bool {
	for _, b := range part {
		i := bytes.IndexByte(of, b)
		if i < 0 {
			return false
		}
		of = of[i+1:]
	}
	return true
}

// FuzzSession: whatever a server sends after the login, each command ends, and
// an email that is handed on as whole has the bytes that were announced.
func FuzzSession(f *testing.F) {
	for _, seed := range seeds {
		for what := range uint8(5) {
			f.Add([]byte(seed), what)
		}
	}
	f.Fuzz(func(t *testing.T, sent []byte, what uint8) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		s := overFeed(sent)
		defer func() { _ = s.Close() }()
		const size = 5
		switch what % 5 {
		case 0:
			_, _ = s.Fetch(ctx, []Meta{{UID: 1, Size: size}}, func(_ Meta, body io.Reader) error {
				raw, err := io.ReadAll(body)
				if err == nil && len(raw) != size {
					t.Errorf("%q was handed on as a whole email of %d bytes", raw, size)
				}
				return err
			})
		case 1:
			_, _ = s.Open(ctx, "INBOX")
		case 2:
			_, _ = s.Folders(ctx)
		case 3:
			_, _ = s.Idle(ctx, time.Millisecond)
		case 4:
			_, _, _ = s.page(ctx, 1, 10)
		}
		if ctx.Err() != nil {
			t.Fatalf("a command did not end with its connection: %q", sent)
		}
	})
}

// overFeed is a session whose server answers the first command with these bytes
// and leaves.
func overFeed(sent []byte) *Session {
	conn := &feed{rest: sent, piece: 1 << 10, gate: make(chan struct{})}
	s := newSession(conn, Account{}, DefaultTimeouts())
	s.wire = newWire(s.guard, s.guard)
	s.wire.out, s.wire.greeted = []byte("* OK [CAPABILITY IMAP4rev1 IDLE] x\r\n"), true
	s.client = imapclient.New(s.wire, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: s.notice, Expunge: s.expunged},
	})
	s.caps = s.client.Caps()
	return s
}

// FuzzStartTLS: nothing but a clean answer to STARTTLS leads to a handshake.
func FuzzStartTLS(f *testing.F) {
	f.Add([]byte("* OK hello\r\n* CAPABILITY IMAP4rev1\r\nS1 OK go\r\n"))
	f.Add([]byte("* PREAUTH hello\r\nS1 OK go\r\n"))
	f.Add([]byte("* OK hello\r\nS1 OK go\r\n* 1 EXISTS\r\n"))
	f.Add([]byte("* OK hello\r\nS1 NO\r\n"))
	f.Add([]byte("* BYE a@b.example\r\n"))
	f.Add([]byte("\n\n\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		err := startTLS(&feed{rest: sent, piece: 1 << 10})
		lower := strings.ToLower(string(sent))
		if err == nil && (!strings.HasPrefix(lower, "* ok") || !strings.Contains(lower, "\ns1 ok") || !strings.HasSuffix(lower, "\n")) {
			t.Fatalf("%q led to a handshake", sent)
		}
		if err != nil && strings.Contains(err.Error(), "@") {
			t.Fatalf("the error %q repeats an address", err)
		}
	})
}

// FuzzClean: a server's text in an error is short printable ASCII without
// addresses.
func FuzzClean(f *testing.F) {
	f.Add("[ALERT] ask a@b.example\r\n now")
	f.Add(strings.Repeat("ü", 300))
	f.Fuzz(func(t *testing.T, text string) {
		got := clean(text)
		if len(got) > saidLength || strings.Contains(got, "@") {
			t.Fatalf("%q", got)
		}
		for _, r := range got {
			if r < ' ' || r > '~' {
				t.Fatalf("%q has %q", got, r)
			}
		}
	})
}
