// Package faultproxy is a TCP proxy that breaks connections on purpose: it
// pauses, delays, cuts, truncates and resets them. Tests put it between the
// product and a real server.
package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy passes TCP connections on to a target, with the faults that are set.
// Its methods may be called from any goroutine, while connections are open.
type Proxy struct {
	listener net.Listener
	target   string
	done     sync.WaitGroup

	mu       sync.Mutex
	pipes    map[*pipe]struct{}
	resumed  chan struct{} // closed unless paused
	delay    time.Duration
	truncate int64 // bytes to the client per connection; negative: no limit
	refuse   bool
	stopped  bool
}

// Start runs a proxy on a free loopback port until the test ends.
func Start(t testing.TB, target string) *Proxy {
	t.Helper()
	p, err := Run(context.Background(), target)
	if err != nil {
		t.Fatalf("start the fault proxy: %v", err)
	}
	t.Cleanup(p.Stop)
	return p
}

// Run runs a proxy on a free loopback port until the context ends or Stop.
func Run(ctx context.Context, target string) (*Proxy, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("faultproxy: listen: %w", err)
	}
	p := &Proxy{
		listener: listener,
		target:   target,
		pipes:    make(map[*pipe]struct{}),
		resumed:  make(chan struct{}),
		truncate: -1,
	}
	close(p.resumed)
	release := context.AfterFunc(ctx, p.Stop)
	p.done.Go(func() {
		defer release()
		p.accept()
	})
	return p, nil
}

// Addr is the host:port that clients connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Stop ends the proxy and its connections; it waits until nothing is left of them.
func (p *Proxy) Stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	_ = p.listener.Close() // a second Stop finds it closed
	p.Cut()
	p.Resume()
	p.done.Wait()
}

// Pause holds back every byte, in both directions, until Resume. Connections
// stay open: to the client, the server has fallen silent.
func (p *Proxy) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused() && !p.stopped {
		p.resumed = make(chan struct{})
	}
}

// Resume passes on what was held back.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused() {
		close(p.resumed)
	}
}

// paused is called with the mutex held.
func (p *Proxy) paused() bool {
	select {
	case <-p.resumed:
		return false
	default:
		return true
	}
}

// Delay holds back each piece, in both directions, for d.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Truncate closes a connection, in an orderly way, once n bytes of it have gone
// to the client. It counts from now for open connections and from their start
// for later ones; a negative n lifts the limit.
func (p *Proxy) Truncate(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.truncate = n
	for c := range p.pipes {
		c.left = n
	}
}

// Refuse resets connections as soon as they are made, until it is switched off.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Cut closes all open connections in an orderly way (FIN); new ones are served.
func (p *Proxy) Cut() { p.each((*pipe).close) }

// Reset closes all open connections with RST; new ones are served.
func (p *Proxy) Reset() { p.each((*pipe).reset) }

// Open is the number of connections being served.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pipes)
}

func (p *Proxy) each(do func(*pipe)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pipes {
		do(c)
	}
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client gave up before it was accepted
		}
		p.done.Go(func() { p.serve(conn.(*net.TCPConn)) })
	}
}
