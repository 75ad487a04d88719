package contacts

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/testdb"
)

var tester = event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}

type scene struct {
	*Service
	t testing.TB
}

func newScene(t testing.TB) scene {
	t.Helper()
	d, err := db.Open(context.Background(), testdb.New(t).AppURL, db.Options{AppConns: 8})
	must(t, err)
	t.Cleanup(d.Close)
	return scene{New(d), t}
}

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

func ptr[T any](v T) *T { return &v }

// wantFault checks the kind, the code and the field of a refusal.
func wantFault(t testing.TB, what string, err error, kind fault.Kind, code, field string) {
	t.Helper()
	if f := fault.As(err); f == nil || f.Kind != kind || f.Code != code || f.Field != field {
		t.Errorf("%s: got %#v (%v), want %s %s in %q", what, f, err, kind, code, field)
	}
}

func (s scene) client(name string, domains ...string) uuid.UUID {
	s.t.Helper()
	c, err := s.CreateClient(soon(s.t), tester, ClientFields{Name: &name, Domains: &domains})
	must(s.t, err)
	return c.ID
}

// person adds a contact with an address, of a client unless that is zero.
func (s scene) person(client uuid.UUID, address string) Contact {
	s.t.Helper()
	f := Fields{Name: ptr("Ann"), Email: &address, EmailNorm: address}
	if client != uuid.Nil {
		f.ClientID = &client
	}
	c, err := s.Create(soon(s.t), tester, f)
	must(s.t, err)
	return c
}

// events are the kinds recorded of a subject, in their order, and the sequences told to subscribers.
func (s scene) events(subject uuid.UUID) string {
	s.t.Helper()
	var out string
	must(s.t, s.db.View(soon(s.t), tester, func(v *db.View) error {
		return v.QueryRow(`select coalesce(string_agg(concat_ws(' ', a.kind, a.label, w.sequence), ', ' order by a.seq), '')
			from audit_entries a left join webhook_events w on w.id = a.event_id where a.subject_id = $1`, subject.String()).Scan(&out)
	}))
	return out
}

func asJSON(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}
