package smtp

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// memoryConn is a connection whose other end said everything in advance.
type memoryConn struct {
	net.Conn
	remote string
	input  io.Reader
	output bytes.Buffer
	until  time.Time // the last deadline
}

func (c *memoryConn) Read(p []byte) (int, error)  { return c.input.Read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.output.Write(p) }
func (c *memoryConn) Close() error                { return nil }
func (c *memoryConn) LocalAddr() net.Addr         { return c.RemoteAddr() }
func (c *memoryConn) SetDeadline(t time.Time) error {
	c.until = t
	return nil
}

func (c *memoryConn) RemoteAddr() net.Addr {
	a, _ := net.ResolveTCPAddr("tcp", c.remote)
	return a
}

// FuzzServer lets a server say anything: no words of it may make a letter count
// as delivered that was not handed over, or as lost that was.
func FuzzServer(f *testing.F) {
	hello := "220 x\r\n250-x\r\n250 8BITMIME\r\n"
	f.Add([]byte(hello + "250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 done\r\n"))
	f.Add([]byte(hello + "250 ok\r\n550 5.1.1 no\r\n250 ok\r\n354 go\r\n250 done\r\n"))
	f.Add([]byte(hello + "250 ok\r\n250 ok\r\n354 go\r\n554 5.7.1 \x00\xff\x1b[31m" + strings.Repeat("é", 400) + "\r\n"))
	f.Add([]byte("220-\r\n220 \r\n500 ?\r\n250 helo\r\n421 bye\r\n"))
	f.Add([]byte("HTTP/1.1 400\r\n"))
	f.Add([]byte(hello + "250\r\n250-\r\n250\r\n354\r\n250-a\r\nb\r\n250\r\n"))
	ahead := "220 x\r\n250-x\r\n250 PIPELINING\r\n"
	f.Add([]byte(ahead + "250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n250 done\r\n"))
	f.Add([]byte(ahead + "550 no\r\n503 x\r\n503 x\r\n354 go\r\n554 nobody\r\n"))
	f.Add([]byte(ahead + "250 ok\r\n550 no\r\n450 no\r\n354 go\r\n250 done\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		conn := &memoryConn{remote: "127.0.0.1:25", input: bytes.NewReader(said)}
		s := &session{wire: &wire{Conn: conn}, timeouts: quick}
		if failure := s.begin(Account{Host: "127.0.0.1", Security: SecurityNone}); failure != nil {
			checkResult(t, failure.result(failure.outcome()), conn.output.String())
			return
		}
		r, failure := newRoute(Envelope{From: "s@x.example", To: []string{"a@x.example", "b@x.example"}})
		if failure != nil {
			t.Fatal(failure)
		}
		res, dead := s.send(context.Background(), r, strings.NewReader(letterBytes))
		checkResult(t, res, conn.output.String())
		if dead && strings.Contains(conn.output.String(), "Subject:") {
			t.Error("a connection that got as far as the letter counts as unused")
		}
	})
}

func checkResult(t *testing.T, res Result, sent string) {
	t.Helper()
	handed := strings.HasSuffix(sent, "\r\nend.\r\n.\r\n")
	switch res.Outcome {
	case Accepted, Unknown:
		if !handed {
			t.Errorf("%s without the final dot", res.Outcome)
		}
	case Temporary, Permanent:
		if handed && res.Code < 400 {
			t.Errorf("%s without a refusal after the dot: %+v", res.Outcome, res)
		}
	default:
		t.Errorf("outcome %q", res.Outcome)
	}
	if res.Outcome == Permanent && res.Code < 500 {
		t.Errorf("permanent with code %d", res.Code)
	}
	texts := []string{res.Text}
	for _, r := range res.Rejected {
		texts = append(texts, r.Text)
	}
	for _, text := range texts {
		if len(text) > maxText || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("text is not clean: %q", text)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"5.1.1 no such user":               {"5.1.1", "no such user"},
		"5.7.1 a\n5.7.1 b":                 {"5.7.1", "a b"},
		"no code":                          {"", "no code"},
		"5.1.1":                            {"5.1.1", ""},
		"3.1.1 not a class":                {"", "3.1.1 not a class"},
		"5.1.1000 not a code":              {"", "5.1.1000 not a code"},
		" \x00a\x1b[0m\r\n\tb\xff ":        {"", "a [0m b\uFFFD"},
		strings.Repeat("é", 300):           {"", strings.Repeat("é", 250)},
		"x" + strings.Repeat("é", maxText): {"", "x" + strings.Repeat("é", 249)},
	} {
		if code, text := words(in); code != want[0] || text != want[1] {
			t.Errorf("words(%q) = %q, %q", in, code, text)
		}
	}
}

func TestHelloNamesTheConnection(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"127.0.0.1:9":     "[127.0.0.1]",
		"[2001:db8::1]:9": "[IPv6:2001:db8::1]",
	} {
		if got := helloName(Account{}, &memoryConn{remote: remote}); got != want {
			t.Errorf("hello from %s is %q", remote, got)
		}
	}
	if got := helloName(Account{HelloName: "desk.example"}, nil); got != "desk.example" {
		t.Errorf("the account's name is not used: %q", got)
	}
}
