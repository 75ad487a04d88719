package migrations_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postern-desk/postern/internal/testdb"
)

const entry = `insert into audit_entries (event_id, kind, module, action, actor_kind, actor_id, actor_name, subject_id)
	values (gen_random_uuid(), 'a.b', 'a', 'update', 'cli', 'x', 'X', 'x')`

// trail is a database with an entry of this month and one that lies in the default partition.
func trail(t *testing.T) (db *testdb.DB, parts []string) {
	t.Helper()
	db = testdb.New(t)
	db.Fixture(t, entry)
	db.Fixture(t, strings.NewReplacer("(event_id", "(at, event_id", "values (", "values ('1999-01-01', ").Replace(entry))
	rows, _ := connect(t, db.SuperURL).Query(soon(t), `select tableoid::regclass::text from audit_entries`)
	full, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if len(full) != 2 || full[0] == full[1] {
		t.Fatalf("the entries lie in %v", full)
	}
	return db, append(full, "audit_entries")
}

func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// Tried: what somebody with the application's login could do to hide an entry.
func TestRow018_ApplicationCannotChangeTheTrail(t *testing.T) {
	t.Parallel()
	db, parts := trail(t)
	app := connect(t, db.AppURL)
	before := ask(t, app, `select string_agg(a::text, ' ' order by seq) from audit_entries a`)
	attempts := []string{
		strings.NewReplacer("(event_id", "(at, event_id", "values (", "values ('2001-01-01', ").Replace(entry),
		strings.NewReplacer("(event_id", "(seq, event_id", "values (", "values (1, ").Replace(entry),
		`update audit_entries set label = 'x'`,
		entry + ` on conflict (at, seq) do update set label = 'x'`,
		`alter sequence audit_seq restart`, `select setval('audit_seq', 1)`, `alter function refuse_change() rename to gone`,
		`create or replace function refuse_change() returns trigger language plpgsql as 'begin return old; end'`,
		`drop policy everything on audit_entries`, `set session_replication_role = replica`, `set role postern_owner`,
		`create trigger mine before insert on audit_entries for each row execute function refuse_change()`,
		`create table public.mine ()`,
		`merge into audit_entries a using (values (1)) v (n) on true when matched then delete`,
	}
	for _, part := range parts {
		attempts = append(attempts, `update `+part+` set actor_name = 'nobody'`, `delete from `+part, `truncate `+part, `drop table `+part,
			`alter table `+part+` disable trigger all`, `alter table `+part+` add column x int`, `alter table `+part+` disable row level security`)
		if part != "audit_entries" {
			attempts = append(attempts, `alter table audit_entries detach partition `+part, strings.Replace(entry, "audit_entries", part, 1))
		}
	}
	for _, sql := range attempts {
		_, err := app.Exec(soon(t), sql)
		if code(err) != "42501" {
			t.Errorf("%s: %v, want a refusal for want of privilege", sql, err)
		}
	}
	// What may not be granted is left out with a warning alone.
	if _, err := app.Exec(soon(t), `grant delete on audit_entries to postern_app; delete from audit_entries`); code(err) != "42501" {
		t.Errorf("after a grant to itself: %v", err)
	}
	if got := ask(t, app, `select string_agg(a::text, ' ' order by seq) from audit_entries a`); got != before {
		t.Errorf("the trail changed:\n%s\n%s", before, got)
	}
}

// Tried: the owner's own UPDATE, DELETE and TRUNCATE, on the whole and on each part, old and new ones.
func TestTriggersRefuseTheOwnerToo(t *testing.T) {
	t.Parallel()
	db, parts := trail(t)
	owner := connect(t, db.OwnerURL)
	if made := ask(t, owner, `select ensure_partitions(5)::text`); made != "4" {
		t.Errorf("two more months made %s partitions, want 2 of each table", made)
	}
	rows, _ := owner.Query(soon(t), `select inhrelid::regclass::text from pg_inherits where inhparent = 'audit_entries'::regclass`)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if len(all) != 7 {
		t.Errorf("partitions: %v", all)
	}
	for _, part := range append(all, parts...) {
		attempts := []string{`truncate ` + part}
		if ask(t, owner, `select count(*)::text from `+part) != "0" {
			attempts = append(attempts, `update `+part+` set label = 'x'`, `delete from `+part)
		}
		for _, sql := range attempts {
			if _, err := owner.Exec(soon(t), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
}

func TestPartitionsAreMadeAheadOfTime(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	app := connect(t, db.AppURL)
	const sqlMonths = `select string_agg(to_char(now() at time zone 'UTC' + make_interval(months => n), '_YYYYMM'), ' ') from generate_series(0, $1) n`
	const sqlParts = `select string_agg(replace(inhrelid::regclass::text, $1, ''), ' ' order by inhrelid::regclass::text) from pg_inherits
		where inhparent = $1::regclass and inhrelid::regclass::text not like '%default'`
	for _, c := range []struct{ ahead, made, months string }{{"3", "0", "3"}, {"0", "0", "3"}, {"-1", "0", "3"}, {"4", "2", "4"}, {"1000", "40", "24"}} {
		if got := ask(t, app, `select ensure_partitions($1::text::integer)::text`, c.ahead); got != c.made {
			t.Errorf("%s months ahead made %s, want %s", c.ahead, got, c.made)
		}
		for _, parent := range []string{"audit_entries", "webhook_events"} {
			if got, want := ask(t, app, sqlParts, parent), ask(t, app, sqlMonths, c.months); got != want {
				t.Errorf("%s has %s, want %s", parent, got, want)
			}
		}
	}
}

// Tried: a desk that was off for months, so that the first entry of a month fell into the default
// partition before the partition was made.
func TestPartitionsAfterALongPause(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	db.Fixture(t, strings.NewReplacer("(event_id", "(at, event_id", "values (", "values (date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' + interval '5 months', ").Replace(entry))
	app := connect(t, db.AppURL)
	// Months 4 and 6 of both tables, and 5 of the one whose default partition is empty.
	if got := ask(t, app, `select ensure_partitions(6)::text`); got != "5" {
		t.Errorf("made %s partitions", got)
	}
	if got := ask(t, app, `select count(*)::text || min(tableoid::regclass::text) from audit_entries`); got != "1audit_entries_default" {
		t.Errorf("the entry: %s", got)
	}
}
