package smtp

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// letterBytes is a letter in which every line is a trap for dot-stuffing.
const letterBytes = "Subject: x\r\n\r\n.\r\n..\r\n.two\r\nFrom here\r\n\r\n.\r\nend.\r\n"

var (
	quick    = Timeouts{Connect: 5 * time.Second, Greeting: 5 * time.Second, Command: 5 * time.Second, Block: 5 * time.Second, Reply: 5 * time.Second, Grace: 5 * time.Second}
	envelope = Envelope{From: "support@desk.example", To: []string{"ann@client.example"}}
)

// peer is the server's end of one scripted connection.
type peer struct {
	t      *testing.T
	conn   net.Conn
	r      *bufio.Reader
	errorf func(format string, args ...any)
}

func (p *peer) say(lines ...string) {
	_, _ = io.WriteString(p.conn, strings.Join(lines, "\r\n")+"\r\n")
}

// want reads one command and fails unless it begins so. It also fails if the
// client sent more without waiting for the reply.
func (p *peer) want(prefix string) string {
	p.t.Helper()
	line, err := p.r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, prefix) {
		p.errorf("server got %q (%v), expected %s", line, err, prefix)
	}
	if p.r.Buffered() > 0 {
		p.errorf("the client did not wait for the reply to %q", line)
	}
	return strings.TrimSpace(line)
}

// answer is want and say.
func (p *peer) answer(prefix string, lines ...string) {
	p.t.Helper()
	p.want(prefix)
	p.say(lines...)
}

func (p *peer) hello() {
	p.t.Helper()
	p.say("220 ready")
	p.answer("EHLO ", "250-here", "250 8BITMIME")
}

// upToData answers everything before the letter.
func (p *peer) upToData() {
	p.t.Helper()
	p.answer("MAIL FROM:<support@desk.example>", "250 ok")
	p.answer("RCPT TO:<ann@client.example>", "250 ok")
	p.answer("DATA", "354 go on")
}

// body reads up to the final dot and takes the stuffing off.
func (p *peer) body() string {
	p.t.Helper()
	var b bytes.Buffer
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.errorf("server lost the connection before the dot: %v", err)
			return ""
		}
		if line == ".\r\n" {
			return b.String()
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

// accept is a whole successful transaction.
func (p *peer) accept() {
	p.t.Helper()
	p.upToData()
	if got := p.body(); got != letterBytes {
		p.errorf("the letter arrived as %q", got)
	}
	p.say("250 2.0.0 queued as 1")
}

// gone waits until the client has closed, and fails if it sends anything but
// QUIT.
func (p *peer) gone() {
	p.t.Helper()
	rest, _ := io.ReadAll(p.r)
	if s := string(rest); s != "" && s != "QUIT\r\n" {
		p.errorf("the client went on with %q", s)
	}
}

// reset closes with RST, as a crashed server's system does.
func (p *peer) reset() {
	_ = p.conn.(*net.TCPConn).SetLinger(0)
	_ = p.conn.Close()
}

// listen runs one script for each connection, in order; one connection more or
// less than there are scripts fails the test.
func listen(t *testing.T, scripts ...func(*peer)) Account {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				if n != len(scripts) {
					t.Errorf("%d connections, expected %d", n, len(scripts))
				}
				return
			}
			if n >= len(scripts) {
				t.Errorf("connection %d was not expected", n+1)
				_ = conn.Close()
				continue
			}
			wg.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				scripts[n](&peer{t, conn, bufio.NewReader(conn), t.Errorf})
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return account(ln)
}

func account(ln net.Listener) Account {
	host, port, _ := net.SplitHostPort(ln.Addr().String())
	n, _ := strconv.Atoi(port)
	return Account{Host: host, Port: n, Security: SecurityNone}
}

// newPool is closed before the servers stop, so that their scripts end.
func newPool(t *testing.T, max int, times Timeouts) *Pool {
	t.Helper()
	p := NewPool(max, time.Minute, times)
	t.Cleanup(p.Close)
	return p
}

func send(p *Pool, a Account) Result {
	return p.Send(context.Background(), a, envelope, strings.NewReader(letterBytes))
}

func expect(t *testing.T, res Result, o Outcome, s Stage, code int) {
	t.Helper()
	if res.Outcome != o || res.Stage != s || res.Code != code {
		t.Errorf("got %+v, expected %s at %s with code %d", res, o, s, code)
	}
	if len(res.Text) > maxText || strings.ContainsAny(res.Text, "\r\n\x00") {
		t.Errorf("text is not clean: %q", res.Text)
	}
}
