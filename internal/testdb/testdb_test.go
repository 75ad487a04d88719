package testdb

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask runs one query over a connection of its own and returns its text.
func ask(t testing.TB, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	must(t, err)
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(context.Background(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func run(t testing.TB, url, sql string) error {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	must(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	return err
}

func refused(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "42501" // insufficient_privilege
}

func TestNewIsMigratedAndHasTheRoles(t *testing.T) {
	t.Parallel()
	db := New(t)
	for url, want := range map[string]string{db.AppURL: "postern_app", db.OwnerURL: "postern_owner", db.SuperURL: "postgres"} {
		if got := ask(t, url, `select session_user::text`); got != want {
			t.Errorf("logged in as %s, want %s", got, want)
		}
	}
	if got := ask(t, db.AppURL, `select (to_regclass('tickets') is not null and to_regclass('river_job') is not null)::text`); got != "true" {
		t.Error("the schema is missing")
	}
	if got := ask(t, db.OwnerURL, `select pg_get_userbyid(datdba) from pg_database where datname = current_database()`); got != "postern_owner" {
		t.Errorf("the database belongs to %s", got)
	}
	if err := run(t, db.AppURL, `create table mine ()`); !refused(err) {
		t.Errorf("the application may create a table: %v", err)
	}
}

func TestEmptyHasNoSchema(t *testing.T) {
	t.Parallel()
	db := Empty(t)
	if got := ask(t, db.OwnerURL, `select count(*)::text from pg_tables where schemaname = 'public'`); got != "0" {
		t.Errorf("%s tables", got)
	}
	must(t, run(t, db.OwnerURL, `create table mine ()`))
}

// Tried: parallel tests that write the same rows.
func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	for range 8 {
		t.Run("writer", func(t *testing.T) {
			t.Parallel()
			db := New(t)
			must(t, run(t, db.OwnerURL, `create table only_mine (n int primary key); insert into only_mine values (1)`))
		})
	}
}

// Tried: a database of a test that ended with a connection still open.
func TestDatabaseIsGoneAfterItsTest(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("test", func(t *testing.T) {
		db := New(t)
		name = ask(t, db.AppURL, `select current_database()`)
		pool, err := pgxpool.New(context.Background(), db.AppURL)
		must(t, err)
		must(t, pool.Ping(context.Background()))
	})
	if name == "" {
		t.Fatal("the inner test did not run")
	}
	if got := ask(t, New(t).SuperURL, `select count(*)::text from pg_database where datname = '`+name+`'`); got != "0" {
		t.Errorf("%s is still there", name)
	}
}

func TestNewIsFast(t *testing.T) {
	t.Parallel()
	New(t) // starts the server and makes the template
	const n = 10
	began := time.Now()
	for range n {
		t.Run("test", func(t *testing.T) { New(t) })
	}
	each := time.Since(began) / n
	t.Logf("%v a database", each)
	if each > time.Second { // about 0.03 s on a quiet machine
		t.Errorf("a database takes %v", each)
	}
}

// Tried: several goroutines ask for a schema that nobody has made yet.
func TestTemplateIsMadeOnce(t *testing.T) {
	t.Parallel()
	var made atomic.Int32
	s := schema{
		fingerprint: t.Name() + time.Now().String(),
		up: func(ctx context.Context, ownerURL string) error {
			made.Add(1)
			return run(t, ownerURL, `create table base (n int)`)
		},
		extra: []string{`create view guard as select session_user::text as who`, `alter view guard rename to warden`},
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			db := clone(t, s)
			if got := ask(t, db.OwnerURL, `select (to_regclass('base') is not null)::text || pg_get_userbyid(relowner) from pg_class where relname = 'warden'`); got != "truepostern_owner" {
				t.Errorf("the clone holds %q", got)
			}
		})
	}
	wait.Wait()
	if got := made.Load(); got != 1 {
		t.Errorf("migrated %d times", got)
	}
	other := s
	other.extra = nil
	if s.templateName() == other.templateName() {
		t.Error("a template without the guard would serve for one with it")
	}
}

// Tried: a migration and a guard that fail; then the same schema repaired.
func TestFailedTemplateIsNotKept(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := theCluster(ctx)
	must(t, err)
	broken := errors.New("broken")
	s := schema{
		fingerprint: t.Name() + time.Now().String(),
		up: func(ctx context.Context, ownerURL string) error {
			return errors.Join(run(t, ownerURL, `create table half ()`), broken)
		},
	}
	if _, err := c.template(ctx, s); !errors.Is(err, broken) {
		t.Errorf("got %v, want the migration's error", err)
	}
	s.up = func(ctx context.Context, ownerURL string) error { return run(t, ownerURL, `create table half ()`) }
	guarded := s
	guarded.extra = []string{`nonsense`}
	if _, err := c.template(ctx, guarded); err == nil || !strings.Contains(err.Error(), "TemplateSQL") {
		t.Errorf("a broken guard: %v", err)
	}
	if _, err := c.template(ctx, s); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}
