// Package migrations holds the database schema and brings a database to it.
package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed *.sql
var files embed.FS

// Fingerprint names the schema: the same SQL, grants and River version give the same hex string.
func Fingerprint() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s river %d %s", fingerprintUpTo(newest()), riverVersion, sqlGrantQueue))
	return hex.EncodeToString(sum[:])[:16]
}

// riverVersion is the newest schema version of the River release in go.mod; a test compares the two.
const riverVersion = 8

// sqlAlone waits for the only process that migrates this database; the session's end gives the lock back.
const sqlAlone = `select pg_advisory_lock(5780144230321857902)`

// Up brings the database to the newest schema, ours and River's. Running it again changes nothing;
// processes that start together wait for each other.
// ownerURL is the role that owns the database; the application never uses it.
func Up(ctx context.Context, ownerURL string) error {
	return UpTo(ctx, ownerURL, goose.MaxVersion)
}

// UpTo is Up to one version of our schema: tests begin from an older one.
func UpTo(ctx context.Context, ownerURL string, version int64) error {
	return migrate(ctx, ownerURL, func(_ *sql.DB, p *goose.Provider) error {
		if _, err := p.UpTo(ctx, version); err != nil {
			return fmt.Errorf("migrate the schema: %w", err)
		}
		return riverUp(ctx, ownerURL, riverVersion)
	})
}

// migrate runs fn as the only one that migrates this database, with the roles there.
func migrate(ctx context.Context, ownerURL string, fn func(*sql.DB, *goose.Provider) error) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("connect as the owner: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, sqlAlone); err != nil {
		return fmt.Errorf("wait for other migrations: %w", err)
	}
	if err := ensureRoles(ctx, conn); err != nil {
		return err
	}
	return withProvider(ownerURL, fn)
}

// State is one migration and whether the database has it.
type State struct {
	Name    string
	Applied bool
}

// Status lists every migration in order.
func Status(ctx context.Context, ownerURL string) ([]State, error) {
	var out []State
	err := withProvider(ownerURL, func(_ *sql.DB, p *goose.Provider) error {
		all, err := p.Status(ctx)
		if err != nil {
			return fmt.Errorf("read the schema's state: %w", err)
		}
		for _, s := range all {
			out = append(out, State{Name: s.Source.Path, Applied: s.State == goose.StateApplied})
		}
		return nil
	})
	return out, err
}

func withProvider(ownerURL string, fn func(*sql.DB, *goose.Provider) error) error {
	config, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return fmt.Errorf("owner database URL: %w", err)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		return err
	}
	return fn(db, p)
}

// riverUp brings River's tables to a version and lets the application use them.
func riverUp(ctx context.Context, ownerURL string, version int) error {
	pool, err := pgxpool.New(ctx, ownerURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: version}); err != nil {
		return fmt.Errorf("migrate the queue's tables: %w", err)
	}
	if _, err := pool.Exec(ctx, sqlGrantQueue); err != nil {
		return fmt.Errorf("grant the queue's tables: %w", err)
	}
	return nil
}

// The application reads which migrations there are. River's tables change with its versions, so they are found by their prefix.
const sqlGrantQueue = `
do $$
declare
    queue_table regclass;
begin
    for queue_table in select oid from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' and relname like 'river\_%' loop
        execute format('grant select, insert, update, delete on %s to postern_app', queue_table);
    end loop;
    grant select on goose_db_version to postern_app;
    grant usage on all sequences in schema public to postern_app;
end $$`
