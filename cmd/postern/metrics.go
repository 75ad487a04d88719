package main

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/web"
)

// metricsServer tells the metrics at an address of their own, so that a process without the API has them too.
type metricsServer struct {
	listen net.Listener
	server *web.Server
	close  context.CancelFunc
	ended  chan error
}

// listenForMetrics binds the address; nil where none is set.
func (d *desk) listenForMetrics() (*metricsServer, error) {
	if d.set.MetricsListen == "" {
		return nil, nil
	}
	listen, err := net.Listen("tcp", d.set.MetricsListen)
	if err != nil {
		return nil, portProblem("--metrics-listen", d.set.MetricsListen, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", web.MetricsPage(d.metrics, d.set.MetricsToken.Reveal(), d.log))
	return &metricsServer{listen: listen, server: web.NewServer(mux, d.set.ShutdownDrain), ended: make(chan error, 1)}, nil
}

func (m *metricsServer) start() {
	ctx, cancel := context.WithCancel(context.Background())
	m.close = cancel
	go func() { m.ended <- m.server.Serve(ctx, m.listen) }()
}

func (m *metricsServer) stop() error {
	if m == nil {
		return nil
	}
	if m.close == nil { // it was never started
		return m.listen.Close()
	}
	m.close()
	if err := <-m.ended; err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

func roleNames(roles config.Roles) (names []string) {
	for _, r := range roles {
		names = append(names, string(r))
	}
	return names
}
