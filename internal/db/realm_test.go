package db

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/jobs"
)

// furnish gives each of two clients one row in every table that the client realm reads.
func furnish(s *scene, clients []uuid.UUID) {
	for i, c := range clients {
		s.test.Fixture(s.t, strings.NewReplacer("$c", "'"+c.String()+"'::uuid", "$t", "'"+NewID().String()+"'::uuid", "$m", "'"+NewID().String()+"'::uuid", "$n", string(rune('1'+i))).Replace(`
			insert into sites (id, client_id, name) values (gen_random_uuid(), $c, 'Paris');
			insert into contacts (id, client_id, name) values (gen_random_uuid(), $c, 'Ann');
			insert into tickets (id, number, client_id, channel, subject, priority, priority_reasons) values ($t, $n, $c, 'api', 'Help', 2, '{}');
			insert into participants (ticket_id, address, client_id, role) values ($t, 'a@x.example', $c, 'requester');
			insert into messages (id, ticket_id, client_id, visibility, origin, body) values ($m, $t, $c, 'everyone', 'client', 'Help'),
				(gen_random_uuid(), $t, $c, 'internal', 'staff', 'He is a pain');
			insert into attachments (id, message_id, ticket_id, client_id, visibility, name, type, size, sha256) values
				(gen_random_uuid(), $m, $t, $c, 'everyone', 'a', 'b', 0, ''), (gen_random_uuid(), $m, $t, $c, 'internal', 'secret', 'b', 0, '');`))
	}
}

// seen counts the rows of every table that the client realm may read, with the WHERE forgotten.
const sqlSeen = `select concat_ws(' ', (select count(*) from clients), (select count(*) from sites), (select count(*) from contacts),
	(select count(*) from tickets), (select count(*) from participants), (select count(*) from messages), (select count(*) from attachments))`

// Tried: reading and writing without any WHERE, as a member of one of two clients and as one of none.
func TestForgottenWhereShowsNothingOfOthers(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	clients := s.clients("Acme", "Bolt")
	furnish(s, clients)
	s.test.Fixture(t, `insert into contacts (id, name) values (gen_random_uuid(), 'of no client')`)
	if got := s.text(sqlSeen); got != "2 2 3 2 2 4 4" {
		t.Errorf("staff see %s", got)
	}
	for name, c := range map[string]struct {
		client uuid.UUID
		want   string
	}{
		"own rows, no internal ones": {clients[0], "1 1 1 1 1 1 1"},
		"no client":                  {uuid.Nil, "0 0 0 0 0 0 0"},
		"unknown client":             {NewID(), "0 0 0 0 0 0 0"},
	} {
		var got, foreign string
		must(t, s.View(soon(t), ofClient(c.client), func(v *View) error {
			must(t, v.QueryRow(sqlSeen).Scan(&got))
			return v.QueryRow(`select coalesce(string_agg(id::text, ' '), '') from clients where id <> $1`, c.client).Scan(&foreign)
		}))
		if got != c.want || foreign != "" {
			t.Errorf("%s: sees %s (want %s), of others %q", name, got, c.want, foreign)
		}
	}
	for _, table := range []string{"audit_entries", "webhook_events", "letters", "letter_bytes", "mailboxes", "mailbox_folders", "inbound_emails", "email_keys",
		"reply_tokens", "awaited_parents", "api_keys", "idempotency_keys", "blob_chunks", "limit_counters", "river_job"} {
		err := s.View(soon(t), ofClient(clients[0]), func(v *View) error { return v.QueryRow(`select 1 from ` + table).Scan(new(int)) })
		if !isCode("42501")(err) {
			t.Errorf("the client realm reads %s: %v", table, err)
		}
	}
}

// Tried, with the rights that a later release may give: writing into another client, moving a row there,
// changing its rows. The record of what is allowed must be written although the realm may not touch it.
func TestClientRealmWritesItsOwnAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	clients := s.clients("Acme", "Bolt")
	furnish(s, clients)
	s.test.Fixture(t, `grant insert, update, delete on contacts, tickets to postern_client`)
	before := s.left()
	ann := ofClient(clients[0])
	try := func(ctx context.Context, sql string, args ...any) (rows int64, err error) {
		err = s.Change(ctx, ann, func(tx *Tx) error {
			tag, err := tx.Exec(sql, args...)
			rows = tag.RowsAffected()
			tx.Record(event.Event{Kind: event.ContactUpdated, ClientID: clients[0], SubjectID: "x", Data: 1})
			tx.Enqueue(jobs.Purge{})
			return err
		})
		return rows, err
	}
	const add = `insert into contacts (id, client_id, name) values (gen_random_uuid(), $1, 'New')`
	for sql, arg := range map[string]uuid.UUID{
		add: clients[1],
		`insert into contacts (id, name) values (gen_random_uuid(), $1::uuid::text)`: uuid.Nil,
		`update contacts set client_id = $1`:                                         clients[1],
		`update tickets set client_id = nullif($1::uuid, $1)`:                        clients[0],
	} {
		if _, err := try(soon(t), sql, arg); !isCode("42501")(err) {
			t.Errorf("%s: %v, want the policy's refusal", sql, err)
		}
	}
	if rows, err := try(soon(t), `delete from contacts where client_id = $1`, clients[1]); rows != 0 || err != nil {
		t.Errorf("deleted %d rows of another client: %v", rows, err)
	}
	if rows, err := try(soon(t), `update contacts set name = 'mine' where $1::uuid is not null`, clients[1]); rows != 1 || err != nil {
		t.Errorf("changed %d rows, want its own one: %v", rows, err)
	}
	ctx := WithIdempotency(soon(t), Idempotency{ActorID: ann.ID, Key: "k", Hash: []byte("h")})
	if rows, err := try(ctx, add, clients[0]); rows != 1 || err != nil {
		t.Errorf("its own row: %d %v", rows, err)
	}
	// Three changes were committed: three entries, events, and a key; the purge is unique.
	if got := s.left(); before != "2 1 0 0 0" || got != "2 4 3 1 1" {
		t.Errorf("before %s, after %s", before, got)
	}
	if got := s.text(`select string_agg(name, ' ' order by name) from contacts where client_id = $1`, clients[1]); got != "Ann" {
		t.Errorf("the other client's contacts: %s", got)
	}
}

// Tried: every way in which a transaction of a client's member can end, over the realm's only connection.
func TestRealmDoesNotLeakToTheNextUser(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	clients := s.clients("Acme", "Bolt")
	ann, broken := ofClient(clients[0]), errors.New("broken")
	recorded := func(tx *Tx) error {
		tx.Record(event.Event{Kind: event.ClientUpdated, SubjectID: "x"})
		return nil
	}
	ctx, cancel := context.WithCancel(soon(t))
	for _, end := range []struct {
		how string
		do  func() error
		err func(error) bool
	}{
		{"commit", func() error { return s.Change(soon(t), ann, recorded) }, is(nil)},
		{"error", func() error { return s.Change(soon(t), ann, func(*Tx) error { return broken }) }, is(broken)},
		{"failed statement", func() error {
			return s.Change(soon(t), ann, func(tx *Tx) error { tx.Queue(`select 1 / 0`); return recorded(tx) })
		}, isCode("22012")},
		{"panic", func() (err error) {
			defer func() { err = recover().(error) }()
			return s.Change(soon(t), ann, func(*Tx) error { panic(broken) })
		}, is(broken)},
		{"end of the context", func() error {
			return s.Change(ctx, ann, func(tx *Tx) error { cancel(); return recorded(tx) })
		}, is(context.Canceled)},
		{"view", func() error { return s.View(soon(t), ann, func(*View) error { return nil }) }, is(nil)},
		{"failed view", func() error {
			return s.View(soon(t), ann, func(v *View) error { return v.QueryRow(`select 1 / 0`).Scan(new(int)) })
		}, isCode("22012")},
	} {
		if err := end.do(); !end.err(err) {
			t.Errorf("%s: unexpected error %v", end.how, err)
		}
		var who, setting string
		must(t, s.client.QueryRow(soon(t), `select current_user, coalesce(current_setting('postern.client_id', true), '')`).Scan(&who, &setting))
		if who != "postern_app" || setting != "" {
			t.Errorf("after a %s the connection is %s of client %q", end.how, who, setting)
		}
		var name, role string
		must(t, s.View(soon(t), ofClient(clients[1]), func(v *View) error {
			return v.QueryRow(`select string_agg(name, ' '), current_user from clients`).Scan(&name, &role)
		}))
		if name != "Bolt" || role != "postern_client" {
			t.Errorf("after a %s the next client sees %s as %s", end.how, name, role)
		}
	}
}
