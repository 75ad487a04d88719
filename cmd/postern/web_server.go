package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/web"
)

// webServer runs the HTTP door on a listener that is bound already.
type webServer struct {
	server *web.Server
	front  *web.Front
	listen net.Listener
	close  context.CancelFunc
	ended  chan error
}

// startWebServer answers at once: until the door is opened, that the desk is not ready. Without a listener there is
// none.
func startWebServer(listen net.Listener, set config.Settings, log *slog.Logger) *webServer {
	if listen == nil {
		return nil
	}
	front := web.NewFront(aboutOf(set), log)
	w := &webServer{listen: listen, front: front, ended: make(chan error, 1), server: web.NewServer(front, set.ShutdownDrain)}
	ctx, cancel := context.WithCancel(context.Background())
	w.close = cancel
	go func() {
		w.ended <- w.server.Serve(ctx, w.listen)
		close(w.ended) // whoever asks after the first one finds that it is over
	}()
	return w
}

func (w *webServer) open(desk http.Handler) { w.front.Open(desk) }

// failed tells when the server ended by itself; never where this process answers no HTTP.
func (w *webServer) failed() <-chan error {
	if w == nil {
		return nil
	}
	return w.ended
}

// stop lets the requests in progress finish.
func (w *webServer) stop() error {
	if w == nil {
		return nil
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
