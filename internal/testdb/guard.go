package testdb

import (
	"context"
	_ "embed"
	"testing"

	"github.com/jackc/pgx/v5"
)

// guardSQL fails every commit that changed a business table without an audit entry of its own.
//
//go:embed guard.sql
var guardSQL string

// Fixture runs SQL for rows that a test wants to be there without the use case that makes them: as the
// superuser and with triggers off, so that neither the guard nor foreign keys nor the audit trail's
// protection object. With arguments it is one statement.
func (d *DB) Fixture(t testing.TB, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.SuperURL)
	if err != nil {
		t.Fatalf("testdb: connect for a fixture: %v", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `set session_replication_role = replica`); err != nil {
		t.Fatalf("testdb: turn triggers off: %v", err)
	}
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("testdb: fixture: %v", err)
	}
}
