package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server answers HTTP with limits on every wait.
type Server struct {
	http  *http.Server
	drain time.Duration
}

// NewServer makes a server. drain is how long requests in progress may finish after a stop.
func NewServer(h http.Handler, drain time.Duration) *Server {
	return &Server{drain: drain, http: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       5 * time.Minute, // a body; routes set shorter ones of their own
		WriteTimeout:      6 * time.Minute, // counts from the header; downloads set a longer one
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}}
}

// Serve answers on the listener until ctx ends; then it takes no more requests, lets those in progress
// finish, and cuts off what is left after the drain. It returns nil after such a stop.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	err := s.http.Shutdown(patience)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if err != nil {
		return fmt.Errorf("stop serving HTTP: %w", err)
	}
	return nil
}
