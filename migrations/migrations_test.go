package migrations_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

func ask(t testing.TB, conn *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	var out string
	if err := conn.QueryRow(soon(t), sql, args...).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// shape is everything of the schema that a migration can change.
func shape(t testing.TB, url string) string {
	return ask(t, connect(t, url), `select string_agg(line, E'\n' order by line) from (
		select concat_ws(' ', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attacl)
			from pg_class c join pg_attribute a on a.attrelid = c.oid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
			where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
		union all select concat_ws(' ', relname, relkind, relrowsecurity, relforcerowsecurity, (select string_agg(g::text, ' ' order by g::text) from unnest(relacl) g))
			from pg_class where relnamespace = 'public'::regnamespace
		union all select concat_ws(' ', tablename, policyname, roles, cmd, qual, with_check) from pg_policies
		union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace
		union all select pg_get_indexdef(indexrelid) from pg_index where indrelid::regclass::text not like 'pg\_%'
		union all select concat_ws(' ', p.oid::regprocedure, prosecdef, proconfig, proacl, md5(prosrc)) from pg_proc p where pronamespace = 'public'::regnamespace
		union all select concat_ws(' ', tgrelid::regclass, pg_get_triggerdef(oid)) from pg_trigger where not tgisinternal) as lines (line)`)
}

func applied(t testing.TB, url string) string {
	t.Helper()
	all, err := migrations.Status(soon(t), url)
	must(t, err)
	var out []string
	for _, s := range all {
		if s.Applied {
			out = append(out, s.Name)
		}
	}
	return strings.Join(out, " ")
}

func names(t testing.TB) []string {
	t.Helper()
	all, err := fs.Glob(migrations.Files, "*.sql")
	must(t, err)
	return all
}

func TestUpTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	db, all := testdb.Empty(t), names(t)
	if got := applied(t, db.OwnerURL); got != "" {
		t.Errorf("an empty database has %s", got)
	}
	must(t, migrations.UpTo(soon(t), db.OwnerURL, 2))
	if got := applied(t, db.OwnerURL); got != strings.Join(all[:2], " ") {
		t.Errorf("after UpTo 2: %s", got)
	}
	must(t, migrations.Up(soon(t), db.OwnerURL))
	once := shape(t, db.OwnerURL)
	must(t, migrations.Up(soon(t), db.OwnerURL))
	if got := shape(t, db.OwnerURL); got != once || !strings.Contains(got, "reply_tokens hash bytea") {
		t.Error("a second Up changed the schema")
	}
	if got := applied(t, db.OwnerURL); got != strings.Join(all, " ") {
		t.Errorf("applied: %s", got)
	}
}

// Tried: six processes that start together on an empty database.
func TestUpTogether(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			if err := migrations.Up(soon(t), db.OwnerURL); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := applied(t, db.OwnerURL); got != strings.Join(names(t), " ") {
		t.Errorf("applied: %s", got)
	}
}

// rows are some rows of each migration's tables, in the state before the next migration.
var rows = []string{
	`insert into clients (id, name, domains) values ('00000000-0000-7000-8000-00000000000c', 'Acme', '{acme.example}');
	insert into sites (id, client_id, name) select gen_random_uuid(), id, 'Paris' from clients;
	insert into contacts (id, client_id, name, email, email_norm) select '00000000-0000-7000-8000-00000000000a', id, 'Ann', 'Ann@acme.example', 'ann@acme.example' from clients`,
	`insert into audit_entries (event_id, kind, module, action, actor_kind, actor_id, actor_name, subject_id) select gen_random_uuid(), 'a.b', 'a', 'b', 'cli', 'x', 'X', id::text from clients;
	insert into webhook_events (id, type, subject_id, sequence, data) values (gen_random_uuid(), 'a.b', 'x', 1, '{}')`,
	`insert into mailboxes (id, name, address, address_norm, imap, imap_secret, smtp, smtp_secret) values ('00000000-0000-7000-8000-00000000000b', 'S', 's@d.example', 's@d.example', '{}', '', '{}', '');
	insert into mailbox_folders (mailbox_id, name) select id, 'INBOX' from mailboxes;
	insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date) select mailbox_id, id, 1, 0, 1, 10, now() from mailbox_folders;
	insert into email_keys (key, email_id) select '\x01', id from inbound_emails;
	insert into blob_chunks (sha256, n, size, data) values ('\x01', 0, 1, '\x01')`,
	`insert into tickets (id, number, client_id, contact_id, channel, subject, priority, priority_reasons) select '00000000-0000-7000-8000-00000000000d', 1, client_id, id, 'email', 'Help', 2, '{}' from contacts;
	insert into participants (ticket_id, address, role) select id, 'ann@acme.example', 'requester' from tickets;
	insert into messages (id, ticket_id, visibility, origin, body) select gen_random_uuid(), id, 'everyone', 'client', 'Help' from tickets;
	insert into attachments (id, message_id, ticket_id, visibility, name, type, size, sha256) select gen_random_uuid(), id, ticket_id, 'everyone', 'a', 'b', 1, '\x01' from messages;
	insert into reply_tokens (hash, ticket_id, address) select '\x01', id, 'ann@acme.example' from tickets`,
	`insert into letters (id, kind, mailbox_id, recipients, subject, rfc_message_id, give_up_at) select gen_random_uuid(), 'answer', id, '{ann@acme.example}', 'Re', 'x@d.example', now() from mailboxes;
	insert into letter_bytes (letter_id, data) select id, '\x01' from letters;
	insert into api_keys (id, name, role, hash, prefix) values (gen_random_uuid(), 'k', 'staff', '\x01', 'pst_')`,
	`insert into mailbox_folders (mailbox_id, name, source, import_as) select id, 'import:1', '/old.mbox', 'closed' from mailboxes`,
	`insert into mailbox_outages (mailbox_id, side, reason, detail) select id, 'imap', 'r', 'd' from mailboxes`,
	`insert into mailbox_reports (mailbox_id, folder_id, server, ledger, differences) select mailbox_id, id, 1, 1, '[]' from mailbox_folders`,
	`insert into mailbox_grants (mailbox_id, secret) select id, '\x01' from mailboxes`,
	`insert into letter_templates (id, name, mailbox_id, text) select gen_random_uuid(), 'answer', id, 'x' from mailboxes`,
	`insert into rules (id, name, position, enabled, asked_of, condition, actions) values (gen_random_uuid(), 'r', 1, true, 'new', 'true', '{"stop": true}');
	insert into rules_version (one, version) values (true, 1)`,
	`update mailboxes set accent_color = '#0b6e4f', hours = '{"week": "mon 09:00-17:00"}'`,
	`insert into admin_sessions (hash, api_key_id) select '\x01', id from api_keys`,
	`insert into dkim_keys (domain, selector, public, secret, signing) values ('d.example', 'one', 'A', '\x01', true), ('d.example', 'two', 'B', '\x01', false);
	update letter_bytes set signature = '\x01'`,
}

// Tried: every migration on a database that holds rows of the schema before it, then the way back.
func TestEachMigrationFromThePreviousSchema(t *testing.T) {
	t.Parallel()
	db, fresh := testdb.Empty(t), testdb.Empty(t)
	if len(rows) != len(names(t)) {
		t.Fatalf("%d migrations, rows for %d", len(names(t)), len(rows))
	}
	counts := func() string {
		return ask(t, connect(t, db.OwnerURL), `select string_agg(concat(c.relname, '=', (xpath('/row/n/text()', query_to_xml('select count(*) as n from public.' || c.relname, false, true, '')))[1]), ' ' order by c.relname)
			from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname not like 'river%' and c.relname not like 'goose%'`)
	}
	before := ""
	for i, sql := range rows {
		version, err := goose.NumericComponent(names(t)[i])
		must(t, err)
		must(t, migrations.UpTo(soon(t), db.OwnerURL, version))
		for _, count := range strings.Fields(before) {
			if !strings.Contains(" "+counts()+" ", " "+count+" ") {
				t.Errorf("migration %d changed what was there, %s: %s", version, count, counts())
			}
		}
		_, err = connect(t, db.OwnerURL).Exec(soon(t), sql)
		must(t, err)
		before = counts()
	}
	must(t, migrations.Up(soon(t), fresh.OwnerURL))
	want := shape(t, fresh.OwnerURL)
	if got := shape(t, db.OwnerURL); got != want {
		t.Error("step by step the schema becomes another one than at once")
	}
	config, err := pgx.ParseConfig(db.OwnerURL)
	must(t, err)
	sqlDB := stdlib.OpenDB(*config)
	defer sqlDB.Close()
	p, err := goose.NewProvider(goose.DialectPostgres, sqlDB, migrations.Files)
	must(t, err)
	_, err = p.DownTo(soon(t), 0)
	must(t, err)
	must(t, migrations.Up(soon(t), db.OwnerURL))
	if got := shape(t, db.OwnerURL); got != want {
		t.Error("after the way back the schema becomes another one")
	}
}

// Tried: a server without the roles, an owner that may not create them, and what the error tells to run.
func TestMissingRolesAreNamedWithTheirRemedy(t *testing.T) {
	t.Parallel()
	db := testdb.Server(t)
	super := connect(t, db.SuperURL)
	for _, sql := range []string{`drop role postern_app`, `drop role postern_client`, `alter role postern_owner nocreaterole`} {
		_, err := super.Exec(soon(t), sql)
		must(t, err)
	}
	err := migrations.Up(soon(t), db.OwnerURL)
	if !errors.Is(err, migrations.ErrRoles) || !strings.Contains(err.Error(), migrations.RolesSQL) {
		t.Fatalf("got %v", err)
	}
	_, err = super.Exec(soon(t), migrations.RolesSQL)
	must(t, err)
	must(t, migrations.Up(soon(t), db.OwnerURL))
	if got := ask(t, super, `select concat(rolcanlogin, pg_has_role(oid, 'postern_client', 'member'), rolsuper or rolcreaterole or rolcreatedb or rolbypassrls)
		from pg_roles where rolname = 'postern_app'`); got != "ttf" {
		t.Errorf("the application may log in, is of the client role, has powers: %s", got)
	}
}

// Tried: an owner that may create the roles; passwords in no error.
func TestOwnerMakesMissingRoles(t *testing.T) {
	t.Parallel()
	db := testdb.Server(t)
	super := connect(t, db.SuperURL)
	_, err := super.Exec(soon(t), `drop role postern_app; drop role postern_client`)
	must(t, err)
	must(t, migrations.Up(soon(t), db.OwnerURL))
	if got := ask(t, super, `select string_agg(rolname || rolcanlogin, ' ' order by rolname) from pg_roles where rolname in ('postern_app', 'postern_client')`); got != "postern_apptrue postern_clientfalse" {
		t.Errorf("roles: %s", got)
	}
	for _, url := range []string{"postgres://o:hunter2@127.0.0.1:1/none", "postgres://o:hunter2@127.0.0.1:port/none"} {
		if err := migrations.Up(soon(t), url); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
		if _, err := migrations.Status(soon(t), url); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}

func TestFingerprintKnowsRiversSchema(t *testing.T) {
	t.Parallel()
	m, err := rivermigrate.New(riverpgxv5.New(nil), nil)
	must(t, err)
	all := m.AllVersions()
	if newest := all[len(all)-1].Version; newest != migrations.RiverVersion {
		t.Errorf("the release of River in go.mod has schema %d, the fingerprint says %d", newest, migrations.RiverVersion)
	}
	if got := migrations.Fingerprint(); len(got) != 16 || got != migrations.Fingerprint() {
		t.Errorf("fingerprint %q", got)
	}
}
