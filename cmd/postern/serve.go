package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/postern-desk/postern/internal/config"
)

type serveCmd struct {
	config.Settings
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	log := logger(c.Service, s.errs)
	listen, err := listenFor(c.Service)
	if err != nil {
		return err
	}
	front := startWebServer(listen, c.Settings, log)
	d, err := assemble(ctx, c.Settings, front, log)
	if err != nil && ctx.Err() != nil { // told to stop while it waited
		return front.stop()
	}
	if err != nil {
		return errors.Join(err, front.stop())
	}
	if err := d.start(ctx); err != nil {
		return errors.Join(err, d.stop())
	}
	address := "none"
	if listen != nil {
		address = listen.Addr().String()
	}
	log.Info("the desk is open", "roles", c.Roles, "listen", address, "public_url", c.PublicURL)
	err = d.wait(ctx)
	log.Info("stopping", "drain", c.ShutdownDrain)
	return errors.Join(err, d.stop())
}

// listenFor binds the address, or none where this process answers no HTTP.
func listenFor(s config.Service) (net.Listener, error) {
	if !s.Roles.Has(config.RoleWeb) {
		return nil, nil
	}
	listen, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w; set another address with --listen or POSTERN_LISTEN", err)
	}
	return listen, nil
}

// startWithin bounds how long a command waits for the database.
const startWithin = 2 * time.Minute
