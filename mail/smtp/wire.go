package smtp

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// maxReply bounds in bytes what a server may say within one step, TLS
// handshakes included.
const maxReply = 256 << 10

var errReplyTooLong = errors.New("the server talks without end")

// wire is a connection of which every step has a deadline and a bound, and
// which a context can end. A server that dribbles bytes gains no time.
type wire struct {
	net.Conn

	mu       sync.Mutex
	grace    time.Duration // longest wait once the context ended
	ended    bool          // the context ended
	handed   bool          // the letter is out; only its reply is missing
	until    time.Time     // the step's own deadline
	received int           // bytes since the step began
}

// step gives what follows d of time.
func (w *wire) step(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.received = 0
	w.until = time.Now().Add(d)
	w.setDeadline()
}

// setDeadline follows the step and, once it ended, the context; mu is held.
func (w *wire) setDeadline() {
	until := w.until
	if w.ended {
		rest := time.Now()
		if w.handed {
			rest = rest.Add(w.grace)
		}
		if rest.Before(until) {
			until = rest
		}
	}
	_ = w.SetDeadline(until) // fails on a closed connection, as will its use
}

// awaitReply is the step after the final dot. From here on giving up early
// makes the outcome unknown, so the context only shortens the wait.
func (w *wire) awaitReply(d time.Duration) {
	w.mu.Lock()
	w.handed = true
	w.mu.Unlock()
	w.step(d)
}

// watch ends the running step with ctx until stop is called.
func (w *wire) watch(ctx context.Context) (stop func()) {
	w.mu.Lock()
	w.ended, w.handed = false, false
	w.mu.Unlock()
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = true
		w.setDeadline()
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.received += n; w.received > maxReply {
		return 0, errReplyTooLong
	}
	return n, err
}
