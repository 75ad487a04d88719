// Package embedded runs the servers that Postern can bring along itself.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// PostgresConfig says which cluster to run and how.
type PostgresConfig struct {
	Dir      string            // holds the cluster, its passwords, log and lock; made if absent
	BinDir   string            // folder of initdb and postgres; empty: look for them, else download
	Settings map[string]string // server settings that replace the defaults
	Log      *slog.Logger      // nil: slog.Default()
	Fast     bool              // tests only: a crash of the machine may lose everything
}

// Postgres is a running PostgreSQL server that belongs to this process and dies with it.
// The URLs suit pgx and psql. They hold passwords: never log them.
type Postgres struct {
	AppURL   string // postern_app on database postern
	OwnerURL string // postern_owner on database postern
	SuperURL string // superuser on database postgres; for backup and tests

	server *server
}

// cluster is where one database lies and who runs it.
type cluster struct {
	dir    string // what the operator named: lock, passwords, start log
	home   string // holds the data directory; dir, unless the server's user may not enter that
	data   string // what PostgreSQL calls the data directory
	socket string // folder of the unix socket
	bin    string // folder of initdb and postgres
	runAs  *account
	log    *slog.Logger
	fast   bool
}

// StartPostgres starts the cluster in c.Dir, makes what is missing (cluster, roles, database
// postern) and returns once it answers. ctx bounds the start only; recovery after a crash may
// take minutes. One process at a time may run a Dir: for a second one the error wraps ErrRunning.
func StartPostgres(ctx context.Context, c PostgresConfig) (*Postgres, error) {
	p, err := startPostgres(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL in %s: %w", c.Dir, err)
	}
	return p, nil
}

func startPostgres(ctx context.Context, c PostgresConfig) (*Postgres, error) {
	k := &cluster{log: c.Log, fast: c.Fast}
	if k.log == nil {
		k.log = slog.Default()
	}
	if err := k.openDir(c.Dir); err != nil {
		return nil, err
	}
	held, err := lockDir(k.dir)
	if err != nil {
		return nil, err
	}
	s, keys, err := k.start(ctx, c, held)
	if err != nil {
		held.release()
		return nil, err
	}
	p := k.urls(keys)
	p.server = s
	if err := k.prepare(ctx, p.SuperURL, keys, s); err != nil {
		_ = s.stop(context.WithoutCancel(ctx))
		return nil, err
	}
	return p, nil
}

func (k *cluster) urls(keys passwords) *Postgres {
	return &Postgres{
		AppURL:   k.url(appRole, keys.App, database),
		OwnerURL: k.url(ownerRole, keys.Owner, database),
		SuperURL: k.url(superRole, keys.Super, superDatabase),
	}
}

// start does everything up to the running process, which from then on owns the lock.
func (k *cluster) start(ctx context.Context, c PostgresConfig, held *dirLock) (*server, passwords, error) {
	var none passwords
	if err := k.locate(); err != nil {
		return nil, none, err
	}
	if err := k.chooseBinaries(ctx, c.BinDir); err != nil {
		return nil, none, err
	}
	if err := k.settle(held); err != nil {
		return nil, none, err
	}
	keys, err := k.ensureCluster(ctx)
	if err != nil {
		return nil, none, err
	}
	if err := k.endPredecessor(ctx); err != nil {
		return nil, none, err
	}
	if err := k.makeSocketDir(); err != nil {
		return nil, none, err
	}
	if err := k.writeSettings(ctx, c.Settings); err != nil {
		return nil, none, err
	}
	s, err := k.launch(held)
	return s, keys, err
}

// openDir makes the folder. A root process leaves it passable, since the server is another user.
func (k *cluster) openDir(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		mode := os.FileMode(0o700)
		if os.Geteuid() == 0 {
			mode = 0o711
		}
		if err := errors.Join(os.MkdirAll(dir, mode), os.Chmod(dir, mode)); err != nil { // whatever the umask says
			return err
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil { // runsIn compares real paths
		return err
	}
	k.dir, k.home = abs, abs
	return nil
}

// Stop shuts the server down fast (open transactions are rolled back) and waits for it.
// When ctx ends first, the server is stopped at once and recovers at its next start.
func (p *Postgres) Stop(ctx context.Context) error { return p.server.stop(ctx) }

// Done is closed when the server process has ended, whatever the cause; Err says which.
func (p *Postgres) Done() <-chan struct{} { return p.server.done }

// Err is nil while the server runs and after a Stop, else why it ended.
func (p *Postgres) Err() error { return p.server.err() }
