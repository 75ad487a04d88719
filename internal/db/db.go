// Package db is the only place where a transaction begins and where its record is written.
package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/postern-desk/postern/internal/event"
)

// DB begins every transaction of the product. Actors of the client realm have a pool of their own, so
// that their role does not spoil the plans of the others.
type DB struct {
	app      *pgxpool.Pool
	client   *pgxpool.Pool
	reserved *pgxpool.Pool
	queue    *river.Client[pgx.Tx]
	patience time.Duration
}

// Options sizes the pools. Zero values take the defaults: 16 connections for the product's own work, 8 for
// the client realm, and a minute for a statement.
type Options struct {
	AppConns, ClientConns int32
	Patience              time.Duration
	Name                  string // what the connections are called at PostgreSQL; empty: postern
}

// Open connects with the application's role. It fails where the database does not answer within ctx.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	if o.Patience <= 0 {
		o.Patience = patience
	}
	d := &DB{patience: o.Patience}
	var err error
	if d.app, err = openPool(ctx, url, or(o.AppConns, 16), o); err != nil {
		return nil, err
	}
	if d.client, err = openPool(ctx, url, or(o.ClientConns, 8), o); err != nil {
		d.Close()
		return nil, err
	}
	alone := d.app.Config()
	alone.MaxConns = 2
	if d.reserved, err = pgxpool.NewWithConfig(ctx, alone); err != nil { // it connects when it is used
		d.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	// Insert-only: it has no queues, so it neither works jobs nor listens. Its cooldown is how long it keeps
	// quiet about a queue after a notice: with the default 100 ms the job that another one queues at once
	// would wait for the next poll.
	if d.queue, err = river.NewClient(riverpgxv5.New(d.app), &river.Config{FetchCooldown: time.Millisecond}); err != nil {
		d.Close()
		return nil, fmt.Errorf("queue client: %w", err)
	}
	return d, nil
}

// Reserved is the same database over two connections that nothing else takes: what must not wait for a place
// in the pool goes this way. It is closed with d, not by itself.
func (d *DB) Reserved() *DB {
	return &DB{app: d.reserved, client: d.reserved, queue: d.queue, patience: d.patience}
}

func or(n, otherwise int32) int32 {
	if n > 0 {
		return n
	}
	return otherwise
}

func openPool(ctx context.Context, url string, conns int32, o Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	config.MaxConns = conns
	config.MaxConnIdleTime = 5 * time.Minute
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	config.ConnConfig.RuntimeParams["application_name"] = cmp.Or(o.Name, "postern")
	reachSafely(config)
	limit(config, o.Patience)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	return pool, nil
}

// Close waits for the transactions in progress and closes the connections.
func (d *DB) Close() {
	for _, pool := range []*pgxpool.Pool{d.reserved, d.client, d.app} {
		if pool != nil {
			pool.Close()
		}
	}
}

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.app.Ping(ctx) }

// Pool is the application's pool for the working queue client, which begins transactions of its own on
// the queue's tables only.
func (d *DB) Pool() *pgxpool.Pool { return d.app }

// Queue is the client that enqueues and works nothing, for looking at the queue.
func (d *DB) Queue() *river.Client[pgx.Tx] { return d.queue }

// NewID returns a UUIDv7: public ids sort by time.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// NewIDOf is NewID for what belongs to a moment of the past: it sorts where an id made then would stand.
// Moments that no UUIDv7 can hold count as the nearest that one can.
func NewIDOf(at time.Time) uuid.UUID {
	id := NewID()
	ms := min(max(at.UnixMilli(), 0), 1<<48-1)
	for i := range 6 { // RFC 9562 section 5.7: 48 bits of milliseconds come first
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}

// NullID is id, or NULL for the zero id.
func NullID(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// poolFor chooses by realm.
func (d *DB) poolFor(by event.Actor) *pgxpool.Pool {
	if by.Realm == event.Client {
		return d.client
	}
	return d.app
}

const sqlReady = `select count(*) from pg_class where relname in ('tickets', 'river_job', 'idempotency_keys') and relkind = 'r'`

// ErrNoSchema says that the tables are not there.
var ErrNoSchema = errors.New("tables are missing")

// Ready reports whether the database answers and has the tables.
func (d *DB) Ready(ctx context.Context) error {
	var n int
	if err := d.app.QueryRow(ctx, sqlReady).Scan(&n); err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	if n < 3 {
		return ErrNoSchema
	}
	return nil
}

const sqlLoginIsTooMuch = `
select rolsuper or rolbypassrls or has_table_privilege('audit_entries', 'delete')
from pg_roles where rolname = current_user`

// ErrLogin says that the login may do what the application must not be able to do.
var ErrLogin = errors.New("this login may change the audit trail or see past the boundary between clients; use postern_app, which `postern migrate up` makes")

// CheckLogin refuses a superuser, the owner and whoever passes by row-level security: what the application
// cannot do, nobody can make it do.
func (d *DB) CheckLogin(ctx context.Context) error {
	var tooMuch bool
	if err := d.app.QueryRow(ctx, sqlLoginIsTooMuch).Scan(&tooMuch); err != nil {
		return fmt.Errorf("ask for the login's rights: %w", err)
	}
	if tooMuch {
		return ErrLogin
	}
	return nil
}
