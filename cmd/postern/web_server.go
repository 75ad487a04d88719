package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// webServer answers HTTP on a listener that is bound already.
type webServer struct {
	server *http.Server
	listen net.Listener
	ended  chan error
}

func newWebServer(d *desk, listen net.Listener, baseURL string) *webServer {
	return &webServer{listen: listen, ended: make(chan error, 1), server: &http.Server{
		Handler:           handler(d, baseURL),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute, // an answer with attachments over a slow line
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}}
}

func (w *webServer) start() {
	go func() {
		if err := w.server.Serve(w.listen); !errors.Is(err, http.ErrServerClosed) {
			w.ended <- fmt.Errorf("the HTTP server ended: %w", err)
		}
	}()
}

// failed tells when the server ended by itself.
func (w *webServer) failed() <-chan error {
	if w == nil {
		return nil
	}
	return w.ended
}

func (w *webServer) stop(ctx context.Context) error {
	err := w.server.Shutdown(ctx)
	w.listen.Close()
	return err
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
