package testdb

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// writes is one change of each business table, possible in this order on an empty database.
var writes = []struct{ table, sql string }{
	{"clients", `insert into clients (id, name) values ('00000000-0000-7000-8000-000000000001', 'Acme')`},
	{"clients", `update clients set name = 'Acme Ltd'`},
	{"sites", `insert into sites (id, client_id, name) select gen_random_uuid(), id, 'Paris' from clients`},
	{"sites", `delete from sites`},
	{"contacts", `insert into contacts (id, name) values (gen_random_uuid(), 'Ann')`},
	{"mailboxes", `insert into mailboxes (id, name, address, address_norm, imap, imap_secret, smtp, smtp_secret)
		values (gen_random_uuid(), 'Support', 's@d.example', 's@d.example', '{}', '', '{}', '')`},
	{"tickets", `insert into tickets (id, number, channel, subject, priority, priority_reasons)
		values ('00000000-0000-7000-8000-000000000002', 1, 'api', 'Help', 2, '{}')`},
	{"participants", `insert into participants (ticket_id, address, role) select id, 'ann@c.example', 'requester' from tickets`},
	{"messages", `insert into messages (id, ticket_id, visibility, origin, body) select gen_random_uuid(), id, 'everyone', 'client', 'Help' from tickets`},
	{"attachments", `insert into attachments (id, message_id, ticket_id, visibility, name, type, size, sha256)
		select gen_random_uuid(), id, ticket_id, 'everyone', 'a', 'b', 0, '' from messages`},
	{"api_keys", `insert into api_keys (id, name, role, hash, prefix) values (gen_random_uuid(), 'k', 'staff', '', 'pst_')`},
	{"api_keys", `update api_keys set revoked_at = now()`},
	{"rules", `insert into rules (id, name, position, enabled, asked_of, condition, actions) values (gen_random_uuid(), 'r', 1, true, 'new', 'true', '{}')`},
	{"rules", `update rules set enabled = false`},
	{"rules", `delete from rules`},
}

const entry = `insert into audit_entries (event_id, kind, module, action, actor_kind, actor_id, actor_name, subject_id)
	values (gen_random_uuid(), 'a.b', 'a', 'update', 'cli', 'test', 'Test', 'x')`

// Tried: each business table written by the application with and without an audit entry in the same
// transaction; an entry of the transaction before; a use of an API key, which is bookkeeping.
func TestGuardRefusesUnrecordedWrites(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), New(t)
	conn, err := pgx.Connect(ctx, db.AppURL)
	must(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, entry)
	must(t, err)
	for _, w := range writes {
		_, err := conn.Exec(ctx, `begin;`+w.sql+`;commit`)
		if err == nil || !strings.Contains(err.Error(), "unrecorded") || !strings.Contains(err.Error(), w.table) {
			t.Errorf("%s: got %v, want the guard's refusal", w.sql, err)
		}
		_, err = conn.Exec(ctx, `rollback;begin;`+w.sql+`;`+entry+`;commit`)
		must(t, err)
	}
	_, err = conn.Exec(ctx, `update api_keys set last_used_at = now()`)
	must(t, err)
	if got := ask(t, db.AppURL, `select (select count(*) from attachments)::text || (select name from clients)`); got != "1Acme Ltd" {
		t.Errorf("recorded writes left %s", got)
	}
}

// Tried: rows that no application could write, among them a past audit entry and a dangling reference.
func TestFixtureGoesAroundTheGuard(t *testing.T) {
	t.Parallel()
	db := New(t)
	db.Fixture(t, `insert into sites (id, client_id, name) values (gen_random_uuid(), gen_random_uuid(), $1)`, "nowhere")
	db.Fixture(t, `insert into audit_entries (at, event_id, kind, module, action, actor_kind, actor_id, actor_name, subject_id)
		values ('1999-01-01', gen_random_uuid(), 'a.b', 'a', 'b', 'cli', 'x', 'x', 'x'); update audit_entries set label = 'changed'`)
	if got := ask(t, db.SuperURL, `select (select name from sites) || ' ' || (select label from audit_entries)`); got != "nowhere changed" {
		t.Errorf("got %q", got)
	}
	if err := run(t, db.AppURL, `update sites set name = 'there'`); err == nil || !strings.Contains(err.Error(), "unrecorded") {
		t.Errorf("a fixture switched the guard off for others: %v", err)
	}
}
