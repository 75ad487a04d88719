package embedded

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresDir is a folder that does not exist yet, below one that the server's user may enter.
func postgresDir(t testing.TB) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "pg-")
	if err == nil {
		err = os.Chmod(parent, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(parent, "desk")
}

func startPostgresIn(t testing.TB, c PostgresConfig) *Postgres {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	p, err := StartPostgres(t.Context(), c)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { stopPostgres(t, p) })
	return p
}

func stopPostgres(t testing.TB, p *Postgres) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// ask runs one query over a connection of its own and returns its text.
func ask(t testing.TB, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(context.Background(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func do(t testing.TB, url, sql string) error {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	return err
}

// Tried: a first start, the three roles over pgx and psql, a stop, a second start.
func TestPostgresKeepsItsDataAndRoles(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	p := startPostgresIn(t, PostgresConfig{Dir: dir})
	for url, want := range map[string]string{
		p.AppURL: "postern_app postern", p.OwnerURL: "postern_owner postern", p.SuperURL: "postgres postgres",
	} {
		if got := ask(t, url, `select session_user || ' ' || current_database()`); got != want {
			t.Errorf("logged in as %q, want %q", got, want)
		}
	}
	out, err := exec.Command("psql", p.AppURL, "-Atc", "select current_user").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "postern_app" {
		t.Errorf("psql: %v: %s", err, out)
	}
	if got := ask(t, p.OwnerURL, `select pg_get_userbyid(datdba) from pg_database where datname = 'postern'`); got != "postern_owner" {
		t.Errorf("the database belongs to %s", got)
	}
	if err := do(t, p.OwnerURL, `create table emails (n int); insert into emails values (7); create role helper; drop role helper`); err != nil {
		t.Errorf("as the owner: %v", err)
	}
	for what, sql := range map[string]string{
		"create a table": `create table mine (n int)`,
		"create a role":  `create role mine`,
		"read a table":   `select * from emails`,
	} {
		var refused *pgconn.PgError
		if err := do(t, p.AppURL, sql); !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("the application may %s: %v", what, err)
		}
	}
	if err := do(t, p.AppURL, `set role postern_client`); err != nil {
		t.Errorf("the application cannot step down: %v", err)
	}
	stopPostgres(t, p)
	if p.Err() != nil {
		t.Errorf("after an orderly stop: %v", p.Err())
	}

	again := startPostgresIn(t, PostgresConfig{Dir: dir})
	if again.AppURL != p.AppURL {
		t.Error("the application's URL changed between two starts")
	}
	if got := ask(t, again.OwnerURL, `select n::text from emails`); got != "7" {
		t.Errorf("after a restart the table holds %s", got)
	}
}

func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	p := startPostgresIn(t, PostgresConfig{
		Dir:      postgresDir(t),
		Settings: map[string]string{"max_connections": "40", "application_name": `it's a \ "test"`},
	})
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on",
		"shared_buffers": "256MB", "max_wal_size": "2GB", "max_connections": "40", "jit": "off",
		"TimeZone": "UTC", "listen_addresses": "", "wal_compression": "lz4", "default_toast_compression": "lz4",
		"log_error_verbosity": "terse", "server_encoding": "UTF8", "lc_collate": "C.UTF-8",
	} {
		if got := ask(t, p.AppURL, `select current_setting('`+name+`')`); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := ask(t, p.SuperURL, `select reset_val from pg_settings where name = 'application_name'`); got != `it's a \ "test"` {
		t.Errorf("a quoted setting arrived as %q", got)
	}
	if got := ask(t, p.SuperURL, `select string_agg(distinct auth_method, ' ') from pg_hba_file_rules`); got != "scram-sha-256" {
		t.Errorf("ways to log in: %s", got)
	}
}

func TestPostgresRefusesMalformedSettings(t *testing.T) {
	t.Parallel()
	for _, settings := range []map[string]string{{"work_mem": "1MB\nfsync=off"}, {"a = b\nfsync": "off"}} {
		_, err := StartPostgres(t.Context(), PostgresConfig{Dir: postgresDir(t), Settings: settings, Fast: true})
		if err == nil || !strings.Contains(err.Error(), "malformed") {
			t.Errorf("%q: %v", settings, err)
		}
	}
}

// Tried: a setting that the server refuses; the error must hold the server's own words.
func TestPostgresSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, Settings: map[string]string{"shared_buffers": "plenty"}, Fast: true})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers"`) {
		t.Fatalf("got %v", err)
	}
	startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true}) // a failed start leaves nothing in the way
}

// Tried: a statement with an address that breaks a constraint; the log must not repeat it.
func TestPostgresLogHoldsNoValues(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	if err := do(t, p.OwnerURL, `create table a (email text unique); insert into a values ('anna@example.com')`); err != nil {
		t.Fatal(err)
	}
	if err := do(t, p.OwnerURL, `insert into a values ('anna@example.com')`); err == nil {
		t.Fatal("the constraint does not hold")
	}
	stopPostgres(t, p)
	var log []byte
	files, _ := filepath.Glob(filepath.Join(dir, "data", "log", "*"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, text...)
	}
	if !bytes.Contains(log, []byte("duplicate key value")) {
		t.Fatalf("the log misses the error: %s", log)
	}
	if bytes.Contains(log, []byte("anna@")) {
		t.Errorf("the log holds an address: %s", log)
	}
}

func TestPostgresFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	for name, want := range map[string]os.FileMode{"passwords.json": 0o600, "data": 0o700, "socket": 0o700, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "initdb.secret")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the superuser's password lies about: %v", err)
	}
}

// Tried: the server process killed behind our back.
func TestPostgresTellsThatItsServerEnded(t *testing.T) {
	t.Parallel()
	p := startPostgresIn(t, PostgresConfig{Dir: postgresDir(t), Fast: true})
	select {
	case <-p.Done():
		t.Fatal("done while it runs")
	default:
	}
	if err := p.Err(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := p.server.process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody noticed")
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the reason is %v", err)
	}
}

// Tried: a stop with an open transaction, and a stop whose patience is over at once.
func TestPostgresStops(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	for _, patience := range []time.Duration{20 * time.Second, time.Nanosecond} {
		p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
		conn, err := pgx.Connect(t.Context(), p.OwnerURL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `begin; create table half_done ()`); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err = p.Stop(ctx)
		cancel()
		if err != nil {
			t.Errorf("with a patience of %v: %v", patience, err)
		}
		select {
		case <-p.Done():
		default:
			t.Errorf("with a patience of %v it still runs", patience)
		}
	}
	p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	if got := ask(t, p.OwnerURL, `select (to_regclass('half_done') is null)::text`); got != "true" {
		t.Error("an open transaction was kept")
	}
}

func TestPostgresStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
	defer cancel()
	if _, err := StartPostgres(ctx, PostgresConfig{Dir: dir, Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Fatal("a cluster was made within 150 ms: the test proves nothing")
	}
	startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true}) // half a cluster is thrown away
}
