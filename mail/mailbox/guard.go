package mailbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// guard is the socket: it alone sets deadlines, because the IMAP library waits
// for replies without any, and it remembers why the connection ended, because
// the library reports only that it did.
type guard struct {
	net.Conn

	mu      sync.Mutex
	silence time.Duration // longest wait for one byte; 0: nothing is due
	cause   error         // first reason of the end
	closed  bool
}

func newGuard(conn net.Conn) *guard { return &guard{Conn: conn} }

// expect limits the waits of reads under way and to come; 0 lifts the limit.
func (g *guard) expect(silence time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silence = silence
	g.extend()
}

// extend is called with the mutex held. A deadline that cannot be set belongs
// to a closed socket, whose reads fail by themselves.
func (g *guard) extend() {
	if g.silence > 0 {
		_ = g.Conn.SetReadDeadline(time.Now().Add(g.silence))
		return
	}
	_ = g.Conn.SetReadDeadline(time.Time{})
}

func (g *guard) Read(b []byte) (int, error) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return 0, net.ErrClosed
	}
	if g.silence > 0 {
		g.extend()
	}
	g.mu.Unlock()

	n, err := g.Conn.Read(b)
	if err != nil {
		// The library reads on after an error, so one failure is final.
		g.end(broken(err))
		if !errors.Is(err, io.EOF) {
			err = net.ErrClosed
		}
	}
	return n, err
}

// writeLimit is generous: commands are short and fit any socket buffer.
const writeLimit = 30 * time.Second

// Write fails once the connection has ended: the library waits for ever for the
// answer to a command that it could write but that nobody reads for.
func (g *guard) Write(b []byte) (int, error) {
	if g.isClosed() {
		return 0, net.ErrClosed
	}
	if err := g.Conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, net.ErrClosed
	}
	n, err := g.Conn.Write(b)
	if err != nil {
		g.end(broken(err))
	}
	return n, err
}

// end closes the socket and keeps the first cause. A nil cause closes only.
func (g *guard) end(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cause == nil && !g.closed {
		g.cause = cause
	}
	if !g.closed {
		g.closed = true
		_ = g.Conn.Close() // nothing is left to save: the cause says why
	}
}

// why returns the first cause of the end, nil while the connection lives or
// when the library ended it.
func (g *guard) why() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.cause
}

func (g *guard) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Close is what the TLS layer and the library call.
func (g *guard) Close() error {
	g.end(nil)
	return nil
}

// The deadlines of others are ignored: the library clears them while it waits.

func (g *guard) SetDeadline(time.Time) error      { return nil }
func (g *guard) SetReadDeadline(time.Time) error  { return nil }
func (g *guard) SetWriteDeadline(time.Time) error { return nil }

// broken names the kind of a socket error.
func broken(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrTimeout
	}
	if errors.Is(err, io.EOF) {
		return ErrServerGone
	}
	return fmt.Errorf("%w: %w", ErrServerGone, err)
}
