package db

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/testdb"
)

var tester = event.Actor{Kind: "cli", ID: "test", Name: "Tess Ter", Realm: event.Staff, OnBehalfOf: "boss"}

// scene is a database of a test's own. One connection for each realm unless asked for more: whatever a
// transaction leaves behind, the next one meets it.
type scene struct {
	*DB
	t    *testing.T
	test *testdb.DB
}

func newScene(t *testing.T, o Options) *scene {
	t.Helper()
	o.AppConns, o.ClientConns = or(o.AppConns, 1), or(o.ClientConns, 1)
	test := testdb.New(t)
	d, err := Open(context.Background(), test.AppURL, o)
	must(t, err)
	t.Cleanup(d.Close)
	return &scene{DB: d, t: t, test: test}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// soon bounds whatever could hang.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// text is one value, read as the application.
func (s *scene) text(sql string, args ...any) string {
	s.t.Helper()
	var out string
	must(s.t, s.View(soon(s.t), tester, func(v *View) error { return v.QueryRow(sql, args...).Scan(&out) }))
	return out
}

// left is what stands in the database: clients, audit entries, webhook events, jobs, kept keys.
func (s *scene) left() string {
	s.t.Helper()
	return s.text(`select concat_ws(' ', (select count(*) from clients), (select count(*) from audit_entries),
		(select count(*) from webhook_events), (select count(*) from river_job), (select count(*) from idempotency_keys))`)
}

const sqlAddClient = `insert into clients (id, name) values ($1, $2)`

// clients adds clients in one recorded change and returns their ids.
func (s *scene) clients(names ...string) []uuid.UUID {
	s.t.Helper()
	var ids []uuid.UUID
	must(s.t, s.Change(soon(s.t), tester, func(tx *Tx) error {
		for _, name := range names {
			ids = append(ids, NewID())
			tx.Queue(sqlAddClient, ids[len(ids)-1], name)
		}
		tx.Record(event.Event{Kind: event.ClientCreated, SubjectID: "many"})
		return nil
	}))
	return ids
}

func ofClient(id uuid.UUID) event.Actor {
	return event.Actor{Kind: "api_key", ID: "member", Name: "Ann", Realm: event.Client, ClientID: id}
}
