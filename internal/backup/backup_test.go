package backup_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/backup"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/migrations"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(soon(t), url)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func ask(t testing.TB, conn *pgx.Conn, sql string, args ...any) (out string) {
	t.Helper()
	if err := conn.QueryRow(soon(t), sql, args...).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func do(t testing.TB, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(soon(t), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// furniture has rows in every table, with what is hard to copy: line ends, tabs, backslashes, NULL, empty
// arrays, bytes, an entry of a month long ago.
const furniture = `
insert into clients (id, name, domains) values ('00000000-0000-7000-8000-00000000000c', E'Acme\t\\N "x"\nLtd ☂', '{acme.example,"a b"}');
insert into sites (id, client_id, name) select gen_random_uuid(), id, 'Paris' from clients;
insert into contacts (id, client_id, name, email, email_norm) select '00000000-0000-7000-8000-00000000000a', id, 'Ann', 'Ann@acme.example', 'ann@acme.example' from clients;
select ensure_month('audit_entries', '2019-02-01');
insert into audit_entries (at, event_id, kind, module, action, actor_kind, actor_id, actor_name, subject_id, detail) values
	('2019-02-03', gen_random_uuid(), 'a.b', 'a', 'b', 'cli', 'x', 'X', 'old', '{"a": "\n"}'), (now(), gen_random_uuid(), 'a.b', 'a', 'b', 'cli', 'x', 'X', 'new', '{}');
insert into webhook_events (id, type, subject_id, sequence, data) values (gen_random_uuid(), 'a.b', 'x', 1, '{}');
insert into mailboxes (id, name, address, address_norm, imap, imap_secret, smtp, smtp_secret) values ('00000000-0000-7000-8000-00000000000b', 'S', 's@d.example', 's@d.example', '{}', '\x00ff5c', '{}', '');
insert into mailbox_folders (mailbox_id, name, last_uid) select id, 'INBOX', 7 from mailboxes;
insert into dkim_keys (domain, selector, public, secret, signing) values ('d.example', 'one', 'A', '\x00ff5c', true);
insert into mailbox_outages (mailbox_id, side, reason, detail) select id, 'imap', 'silent', 'x' from mailboxes;
insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date) select mailbox_id, id, 1, 0, n, 10, now() from mailbox_folders, generate_series(1, 500) n;
update inbound_emails set waits_for = id + 1 where id = 3;
insert into email_keys (key, email_id) select '\x01', min(id) from inbound_emails;
insert into blob_chunks (sha256, n, size, data) values ('\x01', 0, 1, '\x000a5c2e0a');
insert into tickets (id, number, client_id, contact_id, channel, subject, priority, priority_reasons) select gen_random_uuid(), nextval('ticket_numbers'), client_id, id, 'email', E'\\.', 2, '{}' from contacts, generate_series(1, 300);
update tickets set merged_into = (select id from tickets where number = 1001) where number = 1005;
insert into participants (ticket_id, address, role) select id, 'ann@acme.example', 'requester' from tickets;
insert into messages (id, ticket_id, visibility, origin, body, email_id) select gen_random_uuid(), id, 'everyone', 'client', repeat('Help ', 1000), (select min(id) from inbound_emails) from tickets;
insert into attachments (id, message_id, ticket_id, visibility, name, type, size, sha256) select gen_random_uuid(), id, ticket_id, 'everyone', 'a', 'b', 1, '\x01' from messages;
insert into reply_tokens (hash, ticket_id, address) select '\x01', id, 'ann@acme.example' from tickets limit 1;
insert into awaited_parents (rfc_message_id, ticket_id) select 'x@y', id from tickets limit 1;
insert into letters (id, kind, mailbox_id, recipients, subject, rfc_message_id, state, unknowns, give_up_at) select gen_random_uuid(), 'answer', id, '{ann@acme.example}', 'Re', s || '@d.example', s, u, now()
	from mailboxes, (values ('queued', 0), ('sending', 0), ('unknown', 1), ('sent', 0), ('failed', 0)) as l(s, u);
insert into letter_bytes (letter_id, data) select id, '\x01' from letters;
insert into api_keys (id, name, role, hash, prefix) values (gen_random_uuid(), 'k', 'staff', '\x01', 'pst_');
insert into idempotency_keys (actor_id, key, request_hash) values ('a', 'b', '\x01');
insert into limit_counters values ('k', now(), 1);
insert into processes (id, host_key) values ('dead', '');
insert into river_queue (name, updated_at) values ('inbound', now());
insert into river_job (kind, args, queue, state, max_attempts, attempted_by, attempted_at) values ('send_letter', '{"letter_id":"x"}', 'letters', 'running', 3, '{dead}', now()), ('purge', '{}', 'upkeep', 'available', 3, null, null),
	('poll_mailbox', '{}', 'watched by dead', 'available', 1, null, null);`

func source(t testing.TB) (string, *pgx.Conn) {
	t.Helper()
	db := testdb.Empty(t)
	must(t, migrations.Up(soon(t), db.OwnerURL))
	conn := connect(t, db.OwnerURL)
	do(t, conn, furniture)
	return db.OwnerURL, conn
}

// rows is a line for every row of every table that a backup keeps.
func rows(t testing.TB, conn *pgx.Conn) string {
	t.Helper()
	return ask(t, conn, `select string_agg(c.relname || ' ' || query_to_xml('select * from public.' || c.relname || ' as t order by t::text collate "C"', true, true, '')::text, E'\n' order by c.relname)
		from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
		and c.relname not in ('processes', 'river_job', 'river_migration', 'goose_db_version')`)
}

func write(t testing.TB, url string) (string, backup.Manifest) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backup")
	_, err := backup.Write(soon(t), backup.Source{OwnerURL: url, Key: []byte("key"), Settings: "listen = 1\n", Program: "test"}, dir)
	must(t, err)
	m, err := backup.Open(dir)
	must(t, err)
	return dir, m
}

// Tried: rows in every table, restored into another database; who ran and what ran is not restored, numbers
// go on, and the desk's own rules hold there.
func TestEverythingComesBack(t *testing.T) {
	t.Parallel()
	url, from := source(t)
	dir, m := write(t, url)
	if len(m.Tables) < 20 {
		t.Errorf("only %d tables", len(m.Tables))
	}
	for _, table := range m.Tables {
		if table.Rows == 0 {
			t.Logf("no row was tried with %s", table.Name)
		}
	}
	to := testdb.Empty(t)
	held, err := backup.Restore(soon(t), backup.Target{OwnerURL: to.OwnerURL}, dir, m)
	must(t, err)
	into := connect(t, to.OwnerURL)
	if want, got := rows(t, from), rows(t, into); got != want || len(want) < 100_000 {
		t.Errorf("%d bytes of rows became %d others", len(want), len(got))
	}
	if held != 0 || m.Rows("tickets") != 300 || m.Bytes() < 1000 || !m.Has(backup.KeyFile) {
		t.Errorf("%d held, %d tickets, %d bytes", held, m.Rows("tickets"), m.Bytes())
	}
	if got := ask(t, into, `select string_agg(kind || ' ' || state, ', ' order by kind) || ' ' || (select count(*) from processes) from river_job`); got != "purge available, send_letter available 0" {
		t.Errorf("jobs and processes: %s", got)
	}
	if got := ask(t, into, `select concat_ws(' ', nextval('ticket_numbers'), (select string_agg(c.relname, ' ') from pg_class c where relname = 'audit_entries_201902' and relispartition),
		(select count(*) from audit_entries_201902), (select bool_and(relforcerowsecurity) from pg_class where relname in ('tickets', 'audit_entries')))`); got != "2301 audit_entries_201902 1 t" {
		t.Errorf("next number, month and row-level security: %s", got)
	}
	do(t, into, `insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date) select mailbox_id, id, 1, 0, 501, 10, now() from mailbox_folders`)
	if _, err := into.Exec(soon(t), `truncate audit_entries_201902`); err == nil {
		t.Error("the audit trail of a month long ago can be emptied")
	}
	if again, err := backup.Restore(soon(t), backup.Target{OwnerURL: to.OwnerURL}, dir, m); !errors.Is(err, backup.ErrTaken) {
		t.Errorf("over a desk: %d, %v", again, err)
	}
}

// Tried: letters in every state.
func TestHeldLettersWaitForAPerson(t *testing.T) {
	t.Parallel()
	url, _ := source(t)
	dir, m := write(t, url)
	to := testdb.Empty(t)
	held, err := backup.Restore(soon(t), backup.Target{OwnerURL: to.OwnerURL, HoldLetters: true}, dir, m)
	must(t, err)
	got := ask(t, connect(t, to.OwnerURL), `select string_agg(rfc_message_id || '=' || state || unknowns || (last_error is not null), ' ' order by rfc_message_id) from letters`)
	if want := "failed@d.example=failed0false queued@d.example=unknown2true sending@d.example=unknown2true sent@d.example=sent0false unknown@d.example=unknown2true"; held != 3 || got != want {
		t.Errorf("%d held: %s", held, got)
	}
}

// Tried: a desk that commits emails and tickets in pairs, backed up meanwhile.
func TestABackupIsOneMoment(t *testing.T) {
	t.Parallel()
	url, conn := source(t)
	ctx, stop := context.WithCancel(soon(t))
	var work sync.WaitGroup
	work.Go(func() {
		busy, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Error(err)
			return
		}
		defer busy.Close(context.Background())
		for n := 1000; ctx.Err() == nil; n++ {
			_, _ = busy.Exec(ctx, `with e as (insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date) select mailbox_id, id, 2, 0, `+
				`(select count(*) from inbound_emails where uidvalidity = 2), 10, now() from mailbox_folders)
				insert into tickets (id, number, channel, subject, priority, priority_reasons, burst) values (gen_random_uuid(), nextval('ticket_numbers'), 'email', 'x', 2, '{}', true)`)
		}
	})
	pairs := func(c *pgx.Conn) string {
		return ask(t, c, `select (select count(*) from inbound_emails where uidvalidity = 2) || ' ' || (select count(*) from tickets where burst)`)
	}
	for strings.HasPrefix(pairs(conn), "0 ") {
		time.Sleep(time.Millisecond)
	}
	before := ask(t, conn, `select count(*)::text from tickets`)
	dir, m := write(t, url)
	stop()
	work.Wait()
	to := testdb.Empty(t)
	_, err := backup.Restore(soon(t), backup.Target{OwnerURL: to.OwnerURL}, dir, m)
	must(t, err)
	into := connect(t, to.OwnerURL)
	emails, tickets, _ := strings.Cut(pairs(into), " ")
	if emails != tickets || emails == "0" {
		t.Errorf("%s emails and %s tickets of one moment", emails, tickets)
	}
	if ask(t, into, `select (count(*) < $1::bigint)::text from tickets`, before) != "false" {
		t.Errorf("of %s tickets that were there before it began some are missing", before)
	}
}

// Tried: a backup of every older schema, restored by this program.
func TestAnOlderBackupIsMigrated(t *testing.T) {
	t.Parallel()
	from, to := testdb.Empty(t), testdb.Empty(t)
	must(t, migrations.UpTo(soon(t), from.OwnerURL, 2))
	do(t, connect(t, from.OwnerURL), `insert into clients (id, name) values (gen_random_uuid(), 'Acme')`)
	// An older program's table of processes is not there yet; its desk beats nowhere.
	must(t, migrations.UpTo(soon(t), from.OwnerURL, 3))
	dir, m := write(t, from.OwnerURL)
	if m.Schema.Schema != 3 {
		t.Fatalf("schema %d", m.Schema.Schema)
	}
	_, err := backup.Restore(soon(t), backup.Target{OwnerURL: to.OwnerURL}, dir, m)
	must(t, err)
	states, err := migrations.Status(soon(t), to.OwnerURL)
	must(t, err)
	for _, s := range states {
		if !s.Applied {
			t.Errorf("%s was not applied", s.Name)
		}
	}
	if ask(t, connect(t, to.OwnerURL), `select string_agg(name, '') from clients`) != "Acme" {
		t.Error("the row is gone")
	}
}

// Tried: a running desk in the target, a login that does not see every row, a folder that is in use.
func TestWhatCannotBeBackedUpOrRestoredIsRefused(t *testing.T) {
	t.Parallel()
	url, conn := source(t)
	dir, m := write(t, url)
	busy := testdb.Empty(t)
	must(t, migrations.Up(soon(t), busy.OwnerURL))
	do(t, connect(t, busy.OwnerURL), `insert into processes (id, host_key) values ('alive', '')`)
	if _, err := backup.Restore(soon(t), backup.Target{OwnerURL: busy.OwnerURL}, dir, m); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("beside a running desk: %v", err)
	}
	if _, err := backup.Write(soon(t), backup.Source{OwnerURL: url}, dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("over another backup: %v", err)
	}
	do(t, conn, `create table secrets (client_id uuid); alter table secrets enable row level security; alter table secrets force row level security`)
	hidden := filepath.Join(t.TempDir(), "x")
	if _, err := backup.Write(soon(t), backup.Source{OwnerURL: url}, hidden); err == nil || !strings.Contains(err.Error(), "hides rows of secrets") {
		t.Errorf("rows that it does not see: %v", err)
	}
	if _, err := backup.Open(hidden); !errors.Is(err, backup.ErrNoBackup) {
		t.Errorf("what is not whole is taken for a backup: %v", err)
	}
	if _, err := backup.Write(soon(t), backup.Source{OwnerURL: "postgres://o:hunter2@127.0.0.1:port/d"}, filepath.Join(t.TempDir(), "y")); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong URL: %v", err)
	}
}

// Tried: a byte changed, a file cut off, a file gone, a schema of tomorrow, names that mean more than a name.
func TestADamagedBackupIsRefused(t *testing.T) {
	t.Parallel()
	url, _ := source(t)
	dir, _ := write(t, url)
	path := func(name string) string { return filepath.Join(dir, name) }
	tickets := filepath.Join("tables", "tickets.copy.zst")
	for _, c := range []struct {
		what, file, want string
		change           func(string) string
	}{
		{"a byte changed", tickets, "not the file", func(s string) string { return s[:9] + string(s[9]+1) + s[10:] }},
		{"cut off", tickets, "not the file", func(s string) string { return s[:len(s)-5] }},
		{"another key", backup.KeyFile, "not the file", func(string) string { return "other" }},
		{"no JSON", backup.ManifestFile, "cannot be read", func(s string) string { return s[:len(s)/2] }},
		{"newer", backup.ManifestFile, "newer than this program", func(s string) string {
			return strings.Replace(s, `"schema": {`+"\n    \"schema\": ", `"schema": {`+"\n    \"schema\": 9", 1)
		}},
		{"another format", backup.ManifestFile, "format 2", func(s string) string { return strings.Replace(s, `"format": 1`, `"format": 2`, 1) }},
		{"a name with a quote", backup.ManifestFile, "is no name", func(s string) string { return strings.Replace(s, `"priority_reasons"`, `"x\"; drop"`, 1) }},
		{"a file elsewhere", backup.ManifestFile, "lies in", func(s string) string { return strings.Replace(s, "tables/tickets", "../tickets", 1) }},
	} {
		whole, err := os.ReadFile(path(c.file))
		must(t, err)
		broken := c.change(string(whole))
		if broken == string(whole) {
			t.Fatalf("%s: nothing is changed", c.what)
		}
		must(t, os.WriteFile(path(c.file), []byte(broken), 0o600))
		if _, err := backup.Open(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
		must(t, os.WriteFile(path(c.file), whole, 0o600))
	}
	must(t, os.Remove(path(tickets)))
	if _, err := backup.Open(dir); !errors.Is(err, backup.ErrNoBackup) {
		t.Errorf("a file gone: %v", err)
	}
}
