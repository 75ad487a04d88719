package testdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/postern-desk/postern/internal/embedded"
)

const (
	// superviseVariable makes a test binary a supervisor of the server in the folder it names.
	superviseVariable = "POSTERN_TESTDB_SUPERVISE"
	// grace is how long the server outlives its last user: go test links the next package's
	// test meanwhile.
	grace = 10 * time.Second
	// look is how often the supervisor looks for users.
	look = 250 * time.Millisecond
)

// init turns a test binary that was started as the supervisor into it before any test runs.
// A binary of its own would have to be built and found by every test.
func init() {
	dir := os.Getenv(superviseVariable)
	if dir == "" {
		return
	}
	if err := supervise(dir, grace); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// supervise runs the shared server until nobody has used it for the grace time, then removes it.
func supervise(dir string, grace time.Duration) error {
	alone, err := lock(filepath.Join(dir, "supervisor"), syscall.LOCK_EX) // the last one may be leaving
	if err != nil {
		return err
	}
	defer alone.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	data, err := newDataDir(dir)
	if err != nil {
		return err
	}
	server, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir:      data,
		Settings: serverSettings,
		Log:      slog.New(slog.DiscardHandler),
		Fast:     true,
	})
	if err != nil {
		return err
	}
	if err := tell(dir, urls{App: server.AppURL, Owner: server.OwnerURL, Super: server.SuperURL}); err != nil {
		return errors.Join(err, server.Stop(context.Background()))
	}
	last := waitUnused(ctx, filepath.Join(dir, "users"), grace, server.Done())
	defer last.Close()
	err = errors.Join(os.Remove(filepath.Join(dir, "urls.json")), server.Stop(context.Background()))
	return errors.Join(err, os.RemoveAll(data))
}

// newDataDir names a folder that no earlier server used and removes what killed supervisors left. A
// server that is still on its way out removes its files by name: the next one needs other names.
func newDataDir(dir string) (string, error) {
	old, err := filepath.Glob(filepath.Join(dir, "cluster-*"))
	if err != nil {
		return "", err
	}
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "cluster-"+strconv.Itoa(os.Getpid())), nil
}

// serverSettings suit hundreds of small databases that nobody will miss.
var serverSettings = map[string]string{
	"max_connections": "500",
	"shared_buffers":  "128MB",
	"max_wal_size":    "512MB",
	"wal_level":       "minimal",
	"max_wal_senders": "0",
	"autovacuum":      "off", // it would visit every clone
}

func tell(dir string, u urls) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	draft := filepath.Join(dir, "urls.new")
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		return err
	}
	return os.Rename(draft, filepath.Join(dir, "urls.json"))
}

// waitUnused returns once nobody holds a share of the users file for the grace time, or the server
// has ended. It then holds the file for itself, which keeps newcomers waiting until it is closed.
func waitUnused(ctx context.Context, path string, grace time.Duration, serverDone <-chan struct{}) *os.File {
	var unusedSince time.Time
	for {
		f, err := lock(path, syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err != nil:
			unusedSince = time.Time{}
		case unusedSince.IsZero():
			unusedSince = time.Now()
			f.Close()
		case time.Since(unusedSince) < grace:
			f.Close()
		default:
			return f
		}
		select {
		case <-ctx.Done():
			return nil
		case <-serverDone:
			return nil
		case <-time.After(look):
		}
	}
}
