package faultproxy

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialLimit is how long the target may take to accept.
const dialLimit = 10 * time.Second

// pipe is one proxied connection.
type pipe struct {
	client, server *net.TCPConn
	left           int64 // bytes that may still go to the client; under the proxy's mutex
	ended          chan struct{}
	once           sync.Once
}

// close ends both sides; what has been passed on already still arrives.
func (c *pipe) close() {
	c.once.Do(func() {
		close(c.ended)
		_ = c.client.Close()
		_ = c.server.Close()
	})
}

// reset ends the client's side with RST: what it has not read is lost.
func (c *pipe) reset() {
	_ = c.client.SetLinger(0) // fails only if the client has gone already
	c.close()
}

func (p *Proxy) serve(client *net.TCPConn) {
	c := p.connect(client)
	if c == nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(c, c.server, c.client, false) })
	both.Go(func() { p.copy(c, c.client, c.server, true) })
	both.Wait()
	c.close()

	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pipes, c)
}

// connect dials the target and admits the connection; nil means refused.
func (p *Proxy) connect(client *net.TCPConn) *pipe {
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", p.target)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse || p.stopped {
		_ = server.Close()
		return nil
	}
	c := &pipe{client: client, server: server.(*net.TCPConn), left: p.truncate, ended: make(chan struct{})}
	p.pipes[c] = struct{}{}
	return c
}

// copy passes one direction on until either side ends it. An orderly end is
// passed on as one, and the other direction goes on.
func (p *Proxy) copy(c *pipe, to, from *net.TCPConn, toClient bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.pass(c, to, buf[:n], toClient) {
			c.close()
			return
		}
		if err != nil {
			_ = to.CloseWrite()
			return
		}
	}
}

// pass hands one piece on, with the faults in force; false ends the connection.
func (p *Proxy) pass(c *pipe, to *net.TCPConn, piece []byte, toClient bool) bool {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-c.ended:
			return false
		}
	}
	if !p.awaitResume(c) {
		return false
	}
	allowed := piece
	if toClient {
		allowed = p.allow(c, piece)
	}
	if _, err := to.Write(allowed); err != nil {
		return false
	}
	return len(allowed) == len(piece) && !p.spent(c)
}

// awaitResume waits while the proxy is paused, also if it is paused again
// meanwhile.
func (p *Proxy) awaitResume(c *pipe) bool {
	for {
		p.mu.Lock()
		resumed, paused := p.resumed, p.paused()
		p.mu.Unlock()
		if !paused {
			return true
		}
		select {
		case <-resumed:
		case <-c.ended:
			return false
		}
	}
}

// allow returns how much of a piece may go to the client and counts it.
func (p *Proxy) allow(c *pipe, piece []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.left < 0 {
		return piece
	}
	piece = piece[:min(int64(len(piece)), c.left)]
	c.left -= int64(len(piece))
	return piece
}

func (p *Proxy) spent(c *pipe) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.left == 0
}
