package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/postern-desk/postern/web"
)

// webServer runs the HTTP door on a listener that is bound already.
type webServer struct {
	server *web.Server
	listen net.Listener
	close  context.CancelFunc
	ended  chan error
}

func newWebServer(d *desk, listen net.Listener, baseURL string) *webServer {
	return &webServer{listen: listen, ended: make(chan error, 1), server: web.NewServer(handler(d, baseURL), d.set.ShutdownDrain)}
}

func (w *webServer) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.close = cancel
	go func() {
		w.ended <- w.server.Serve(ctx, w.listen)
		close(w.ended) // whoever asks after the first one finds that it is over
	}()
}

// failed tells when the server ended by itself; never where this process answers no HTTP.
func (w *webServer) failed() <-chan error {
	if w == nil {
		return nil
	}
	return w.ended
}

// stop lets the requests in progress finish.
func (w *webServer) stop() error {
	if w.close == nil { // it was never started
		return w.listen.Close()
	}
	w.close()
	return <-w.ended
}

// answers waits until the server says that it is ready.
func (w *webServer) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.listen.Addr().String()+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("it says %s", response.Status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the HTTP server did not become ready: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
