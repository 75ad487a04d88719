// Package embedded runs the servers that Postern can bring along itself.
package embedded

import (
	"context"
	"errors"
	"log/slog"
)

// PostgresConfig says which cluster to run and how.
type PostgresConfig struct {
	Dir      string            // holds the cluster, its passwords, log and lock; made if absent
	BinDir   string            // folder of initdb and postgres; empty: look for them
	Settings map[string]string // server settings that replace the defaults
	Log      *slog.Logger      // nil: slog.Default()
	Fast     bool              // tests only: a crash of the machine may lose everything
}

// Postgres is a running PostgreSQL server that belongs to this process.
type Postgres struct {
	AppURL   string // postern_app on database postern
	OwnerURL string // postern_owner on database postern
	SuperURL string // superuser on database postgres; for backup and tests

	done chan struct{}
}

// StartPostgres starts the cluster in c.Dir and returns once it answers.
func StartPostgres(ctx context.Context, c PostgresConfig) (*Postgres, error) {
	return nil, errors.New("embedded postgres: not built yet")
}

// Stop shuts the server down and waits for it; open transactions are rolled back.
func (p *Postgres) Stop(ctx context.Context) error { return nil }

// Done is closed when the server process has ended, whatever the cause; Err says which.
func (p *Postgres) Done() <-chan struct{} { return p.done }

// Err is nil while the server runs and after Stop, else why it ended.
func (p *Postgres) Err() error { return nil }
