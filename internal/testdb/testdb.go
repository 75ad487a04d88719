// Package testdb gives every test a migrated PostgreSQL database of its own.
//
// The test processes of one machine user share one server: the first process starts it,
// and it goes away some seconds after the last one has ended, however that one ended.
package testdb

import "testing"

// DB is one test's database. The three URLs name the same database and differ in the role.
type DB struct {
	AppURL   string // postern_app: what the product connects as
	OwnerURL string // postern_owner: owns the schema, runs migrations
	SuperURL string // superuser: for what no role of the product may do
}

// TemplateSQL is run, in order, as the owner on the template database after the migrations.
// It is for guards that only tests want. It must not change after the first New of a process.
var TemplateSQL []string

// New clones a fresh migrated database, which is dropped when the test ends. Parallel tests
// may call it at the same time. It fails the test when no server can be started.
func New(t testing.TB) *DB {
	t.Helper()
	t.Fatal("testdb: not built yet")
	return nil
}
