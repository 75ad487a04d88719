package embedded

import (
	"errors"
	"io"
	"net"
	"sync"
)

// mailListener knows its connections, so that none outlives the server.
type mailListener struct {
	net.Listener
	abruptEOF bool // see mailConn.Read

	mu     sync.Mutex
	closed bool
	conns  map[*mailConn]struct{}
}

type mailConn struct {
	net.Conn
	listener *mailListener
}

func listenMail(addr string) (*mailListener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &mailListener{Listener: l, conns: map[*mailConn]struct{}{}}, nil
}

func (l *mailListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &mailConn{Conn: conn, listener: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	l.conns[c] = struct{}{}
	return c, nil
}

// closeAll ends the listener and every connection.
func (l *mailListener) closeAll() {
	l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.conns {
		c.Conn.Close()
	}
}

// Read reports no plain end of input where the listener says so: go-smtp copies
// a BDAT chunk until EOF, and would take an email for whole when its client
// vanished inside the last one.
func (c *mailConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.listener.abruptEOF && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (c *mailConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.conns, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}
