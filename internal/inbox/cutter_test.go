package inbox_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cutter stands between the product and PostgreSQL and ends everything after so many answers, as the
// death of a process or of the network would: before the next request is carried out, or after it was,
// with its answer lost.
type cutter struct {
	listen          net.Listener
	network, target string

	mu     sync.Mutex
	left   int  // answers that still come through; negative: all of them
	answer bool // the request that is too many is carried out, and its answer lost
	cut    bool
	conns  map[net.Conn]bool
}

// between returns a cutter and the URL that leads through it.
func between(t *testing.T, raw string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	network, target := "tcp", u.Host
	if folder := query.Get("host"); folder != "" {
		network, target = "unix", folder+"/.s.PGSQL."+query.Get("port")
	}
	c := &cutter{listen: listen, network: network, target: target, left: -1, conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		listen.Close()
		c.end()
	})
	go c.accept()
	query.Del("host")
	query.Del("port")
	u.Host, u.RawQuery = listen.Addr().String(), query.Encode()
	return c, u.String()
}

// after lets n answers through from now on.
func (c *cutter) after(n int, answerLost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.answer, c.cut = n, answerLost, false
}

// heal lets everything through and reports whether anything had been cut.
func (c *cutter) heal() (wasCut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wasCut, c.left, c.cut = c.cut, -1, false
	return wasCut
}

func (c *cutter) accept() {
	for {
		client, err := c.listen.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(c.network, c.target)
		if err != nil || !c.keep(client, server) {
			client.Close()
			continue
		}
		go c.requests(client, server)
		go c.answers(client, server)
	}
}

func (c *cutter) keep(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		c.conns[conn] = true
	}
	return !c.cut
}

func (c *cutter) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
		delete(c.conns, conn)
	}
}

// requests passes on what the product asks, unless this request is the one too many.
func (c *cutter) requests(client, server net.Conn) {
	piece := make([]byte, 64<<10)
	for {
		n, err := client.Read(piece)
		if err != nil || c.refuses(false) {
			break
		}
		if _, err := server.Write(piece[:n]); err != nil {
			break
		}
	}
	client.Close()
	server.Close()
}

// refuses reports whether this is the end, for a request or for an answer.
func (c *cutter) refuses(isAnswer bool) bool {
	c.mu.Lock()
	over := c.cut || c.left == 0 && c.answer == isAnswer
	if over {
		c.cut = true
	}
	c.mu.Unlock()
	if over {
		c.end()
	}
	return over
}

// answers passes on whole answers: everything up to ReadyForQuery.
func (c *cutter) answers(client, server net.Conn) {
	defer client.Close()
	var held []byte
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		body := make([]byte, int(binary.BigEndian.Uint32(head[1:]))-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		held = append(append(held, head...), body...)
		ready := head[0] == 'Z'
		if !ready && head[0] != 'R' { // authentication goes back and forth without it
			continue
		}
		if ready && c.refuses(true) {
			return
		}
		if _, err := client.Write(held); err != nil {
			return
		}
		held = held[:0]
		if ready {
			c.passed()
		}
	}
}

func (c *cutter) passed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left > 0 {
		c.left--
	}
}
