package contacts_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/testdb"
)

// TestManySeesWhatTheActorSees asks for contacts of two clients and one that is not there.
func TestManySeesWhatTheActorSees(t *testing.T) {
	t.Parallel()
	d, err := db.Open(t.Context(), testdb.New(t).AppURL, db.Options{AppConns: 2, ClientConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	s := contacts.New(d)
	staff := event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}
	var ids, clients []uuid.UUID
	for _, name := range []string{"Acme", "Other"} {
		c, err := s.CreateClient(t.Context(), staff, contacts.ClientFields{Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Create(t.Context(), staff, contacts.Fields{ClientID: &c.ID, Name: &name})
		if err != nil {
			t.Fatal(err)
		}
		clients, ids = append(clients, c.ID), append(ids, p.ID)
	}
	ask := append([]uuid.UUID{uuid.New(), ids[0]}, ids...)
	found, err := s.Many(t.Context(), staff, ask)
	if err != nil || len(found) != 2 || found[ids[0]].Name != "Acme" || found[ids[1]].Name != "Other" {
		t.Errorf("staff sees %v, %v", found, err)
	}
	member := event.Actor{Kind: "member", ID: "m", Name: "Member", Realm: event.Client, ClientID: clients[0]}
	if found, err = s.Many(t.Context(), member, ask); err != nil || len(found) != 1 || found[ids[0]].Name != "Acme" {
		t.Errorf("a member of the first client sees %v, %v", found, err)
	}
	if found, err = s.Many(t.Context(), staff, nil); err != nil || len(found) != 0 {
		t.Errorf("none are %v, %v", found, err)
	}
}
