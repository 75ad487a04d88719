package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
)

// relay leads TCP connections to the unix socket of a database: the fault proxy speaks TCP only.
type relay struct {
	listener net.Listener
	socket   string
	serving  sync.WaitGroup
}

func startRelay(ctx context.Context, socket string) (*relay, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: listener, socket: socket}
	r.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				r.serving.Go(func() { r.serve(conn) })
			}
		}
	})
	return r, nil
}

func (r *relay) serve(client net.Conn) {
	server, err := net.Dial("unix", r.socket)
	if err != nil {
		client.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { join(server, client) })
	both.Go(func() { join(client, server) })
	both.Wait()
}

// join copies until one side ends, and then ends both.
func join(to, from net.Conn) {
	_, _ = io.Copy(to, from) // a broken connection is what is wanted here
	to.Close()
	from.Close()
}

// stop waits for the connections to end: their other sides have ended before.
func (r *relay) stop() {
	r.listener.Close()
	r.serving.Wait()
}

// socketOf is the path of the unix socket that the database's URL names.
func socketOf(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("the database's URL is malformed") // its text holds a password
	}
	q := u.Query()
	return filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port")), nil
}
