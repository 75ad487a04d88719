package faultproxy_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/faultproxy"
)

// soon bounds what must happen; short is how long we watch for what must not.
const (
	soon  = 10 * time.Second
	short = 100 * time.Millisecond
)

// echo runs a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func dial(t *testing.T, p *faultproxy.Proxy) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatalf("dial the proxy: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatalf("set a deadline: %v", err)
	}
	return conn.(*net.TCPConn)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("write %q: %v", text, err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

func hearNothing(t *testing.T, conn net.Conn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(short))
	var b [1]byte
	if n, err := conn.Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %d bytes, %v; want silence", n, err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(soon))
}

func TestPassesEverythingOn(t *testing.T) {
	t.Parallel()
	conn := dial(t, faultproxy.Start(t, echo(t)))
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	go func() {
		_, _ = conn.Write(want)
		_ = conn.CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, %v; want the same %d back and a clean end", len(got), err, len(want))
	}
}

func TestPauseHoldsBackAndResumePassesOn(t *testing.T) {
	t.Parallel()
	p := faultproxy.Start(t, echo(t))
	conn := dial(t, p)
	say(t, conn, "one")
	hear(t, conn, "one")
	p.Pause()
	p.Pause() // twice is as once
	say(t, conn, "two")
	hearNothing(t, conn)
	p.Resume()
	hear(t, conn, "two")
}

func TestDelay(t *testing.T) {
	t.Parallel()
	p := faultproxy.Start(t, echo(t))
	conn := dial(t, p)
	p.Delay(short)
	begun := time.Now()
	say(t, conn, "slow")
	hear(t, conn, "slow")
	if took := time.Since(begun); took < 2*short {
		t.Fatalf("there and back took %v; want a delay of %v each way", took, short)
	}
}

func TestCutEndsOpenConnectionsAndServesNewOnes(t *testing.T) {
	t.Parallel()
	p := faultproxy.Start(t, echo(t))
	conn := dial(t, p)
	say(t, conn, "x")
	hear(t, conn, "x")
	p.Cut()
	if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("read %d bytes, %v after the cut; want EOF", n, err)
	}
	again := dial(t, p)
	say(t, again, "y")
	hear(t, again, "y")
}

func TestResetArrivesAsRST(t *testing.T) {
	t.Parallel()
	p := faultproxy.Start(t, echo(t))
	conn := dial(t, p)
	say(t, conn, "x")
	hear(t, conn, "x")
	p.Reset()
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("read %d bytes, %v; want a connection reset", n, err)
	}
}

func TestTruncateCountsPerConnection(t *testing.T) {
	t.Parallel()
	p := faultproxy.Start(t, echo(t))
	before := dial(t, p)
	say(t, before, "free")
	hear(t, before, "free")
	p.Truncate(3)
	for name, conn := range map[string]net.Conn{"open": before, "new": dial(t, p)} {
		say(t, conn, "abcdef")
		got, err := io.ReadAll(conn)
		if string(got) != "abc" {
			t.Errorf("%s connection: read %q, %v; want the first 3 bytes only", name, got, err)
		}
	}
	p.Truncate(-1)
	free := dial(t, p)
	say(t, free, "abcdef")
	hear(t, free, "abcdef")
}

// mustBeRefused takes a reset at once or at the first read: which one the
// client sees is a matter of timing.
func mustBeRefused(t *testing.T, p *faultproxy.Proxy) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", p.Addr(), soon)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(soon))
	if n, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %d bytes, %v; want a refused connection", n, err)
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	p := faultproxy.Start(t, echo(t))
	p.Refuse(true)
	mustBeRefused(t, p)
	p.Refuse(false)
	served := dial(t, p)
	say(t, served, "z")
	hear(t, served, "z")
}

func TestUnreachableTargetRefuses(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := listener.Addr().String()
	_ = listener.Close()
	mustBeRefused(t, faultproxy.Start(t, target))
}

func TestContextEndsTheProxyEvenWhilePaused(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := faultproxy.Run(ctx, echo(t))
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, p)
	p.Pause()
	say(t, conn, "held")
	cancel()
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Fatalf("read %d bytes after the end", n)
	}
	p.Stop() // waits; a second stop is harmless
	if open := p.Open(); open != 0 {
		t.Fatalf("%d connections are left after the end", open)
	}
	if _, err := net.DialTimeout("tcp", p.Addr(), soon); err == nil {
		t.Fatal("the proxy still listens after the end")
	}
}
