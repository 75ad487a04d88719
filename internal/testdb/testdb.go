// Package testdb gives every test a migrated PostgreSQL database of its own.
//
// The test processes of one machine user share one server: the first process starts it,
// and it goes away some seconds after the last one has ended, however that one ended.
package testdb

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/migrations"
)

// DB is one test's database. The three URLs name the same database and differ in the role.
type DB struct {
	AppURL   string // postern_app: what the product connects as
	OwnerURL string // postern_owner: owns the schema, runs migrations
	SuperURL string // superuser: for what no role of the product may do
}

// TemplateSQL is run, in order, as the owner on the template database after the migrations.
// It is for guards that only tests want; the one against unrecorded changes is there from the start (see
// Fixture for the way around it). It must not change after the first New of a process.
var TemplateSQL = []string{guardSQL}

// patience bounds every step: a stuck server must fail a test, not hang it.
const patience = time.Minute

// New clones a fresh migrated database, which is dropped when the test ends. Parallel tests
// may call it at the same time. It fails the test when no server can be started.
func New(t testing.TB) *DB {
	t.Helper()
	return clone(t, schema{
		fingerprint: migrations.Fingerprint(),
		up:          migrations.Up,
		extra:       TemplateSQL,
	})
}

// Empty is New without the schema: for tests of the migrations themselves.
func Empty(t testing.TB) *DB {
	t.Helper()
	return clone(t, schema{
		fingerprint: "empty",
		up:          func(context.Context, string) error { return nil },
	})
}

func clone(t testing.TB, s schema) *DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := theCluster(ctx)
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	template, err := c.template(ctx, s)
	if err != nil {
		t.Fatalf("testdb: make the template database: %v", err)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	if err := c.create(ctx, name, template); err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.drop(ctx, name); err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
	return &DB{
		AppURL:   onDatabase(c.urls.App, name),
		OwnerURL: onDatabase(c.urls.Owner, name),
		SuperURL: onDatabase(c.urls.Super, name),
	}
}

var databases atomic.Int64

func onDatabase(raw, name string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw // ours, always well-formed; a test would fail to connect
	}
	u.Path = "/" + name
	return u.String()
}

// Server starts a server of the test's own, for tests of what all databases of a server share, such as
// its roles. Its database has no schema; its superuser is on that database too.
func Server(t testing.TB) *DB {
	t.Helper()
	dir, err := os.MkdirTemp("", "testdb-server-")
	if err == nil {
		err = os.Chmod(dir, 0o711) // a server started by root runs as another user
	}
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir:  filepath.Join(dir, "server"), // made by the server: it knows who may enter
		Log:  slog.New(slog.DiscardHandler),
		Fast: true,
	})
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Errorf("testdb: stop the test's server: %v", err)
		}
	})
	return &DB{AppURL: server.AppURL, OwnerURL: server.OwnerURL, SuperURL: onDatabase(server.SuperURL, "postern")}
}
