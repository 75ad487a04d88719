package contacts

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// link runs Link in a change of its own.
func (s scene) link(senders ...Sender) (linked map[string]Linked, err error) {
	err = s.db.Change(soon(s.t), tester, func(tx *db.Tx) error {
		linked, err = Link(tx, senders)
		tx.Record(event.Event{Kind: event.ClientUpdated, SubjectID: "link"})
		return err
	})
	return linked, err
}

func from(address string) Sender {
	return Sender{Norm: address, Address: address, Name: "Name of " + address}
}

func TestRow026_SenderIsLinkedSuggestedOrUnlinked(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme, bolt, coil := s.client("Acme", "acme.example"), s.client("Bolt", "bolt.example", "shared.example"), s.client("Coil", "shared.example")
	ann := s.person(acme, "ann@acme.example")
	both := []Contact{s.person(acme, "both@x.example"), s.person(bolt, "both@x.example")}
	unlinked := s.person(uuid.Nil, "known@x.example")
	overlaid := s.person(acme, "overlaid@x.example")
	s.person(uuid.Nil, "overlaid@x.example")
	halfKnown := s.person(uuid.Nil, "half@bolt.example")
	s.person(acme, "half@bolt.example")
	s.person(coil, "half@bolt.example")
	_, err := s.Create(soon(t), tester, Fields{ClientID: &acme, Kind: ptr(Organisation), Name: ptr("Acme"), Email: ptr("org@x.example"), EmailNorm: "org@x.example"})
	must(t, err)
	for address, c := range map[string]struct {
		known     uuid.UUID // zero: a new contact
		client    uuid.UUID
		suggested []uuid.UUID
	}{
		"ann@acme.example":     {ann.ID, acme, nil},                                     // exact
		"new@acme.example":     {uuid.Nil, uuid.Nil, []uuid.UUID{acme}},                 // its domain
		"new@sub.acme.example": {uuid.Nil, uuid.Nil, nil},                               // another domain
		"new@shared.example":   {uuid.Nil, uuid.Nil, []uuid.UUID{bolt, coil}},           // two clients' domain
		"new@nowhere.example":  {uuid.Nil, uuid.Nil, nil},                               // unknown
		"both@x.example":       {uuid.Nil, uuid.Nil, []uuid.UUID{acme, bolt}},           // a contact of two clients
		"known@x.example":      {unlinked.ID, uuid.Nil, nil},                            // known, of no client
		"overlaid@x.example":   {overlaid.ID, acme, nil},                                // unlinked once, linked since
		"half@bolt.example":    {halfKnown.ID, uuid.Nil, []uuid.UUID{acme, bolt, coil}}, // two clients and a domain
		"org@x.example":        {uuid.Nil, uuid.Nil, nil},                               // an organisation's: nobody in person
	} {
		for range 2 { // the second email of a sender finds what the first one left
			linked, err := s.link(from(address))
			must(t, err)
			got := linked[address]
			slices.SortFunc(got.Suggested, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
			if got.Contact.ID == uuid.Nil || got.Contact.Kind != Person || *got.Contact.EmailNorm != address || got.Contact.ClientID.UUID != c.client ||
				c.known != uuid.Nil && got.Contact.ID != c.known || !slices.Equal(got.Suggested, c.suggested) || len(linked) != 1 {
				t.Errorf("%s: %s, want contact %s of client %s, suggested %v", address, asJSON(got), c.known, c.client, c.suggested)
			}
			c.known = got.Contact.ID
		}
		if slices.ContainsFunc(both, func(b Contact) bool { return b.ID == c.known }) {
			t.Errorf("%s was linked to one of two clients", address)
		}
	}
}

// Tried: known and unknown senders together, one of them twice.
func TestManySendersAreLinkedAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme := s.client("Acme", "acme.example")
	ann := s.person(acme, "ann@acme.example")
	linked, err := s.link(from("new@x.example"), from("ann@acme.example"), from("new@x.example"), from("bob@acme.example"))
	must(t, err)
	if len(linked) != 3 || linked["ann@acme.example"].Contact.ID != ann.ID || len(linked["ann@acme.example"].Suggested) != 0 ||
		!slices.Equal(linked["bob@acme.example"].Suggested, []uuid.UUID{acme}) || linked["new@x.example"].Contact.Name != "Name of new@x.example" {
		t.Errorf("linked %s", asJSON(linked))
	}
	for address, want := range map[string]string{"new@x.example": "contact.created Name of new@x.example 1", "ann@acme.example": "contact.created Ann 1"} {
		if got := s.events(linked[address].Contact.ID); got != want {
			t.Errorf("recorded of %s: %s", address, got)
		}
	}
	if none, err := s.link(); err != nil || len(none) != 0 {
		t.Errorf("no senders: %v %v", none, err)
	}
	broken := errors.New("broken")
	err = s.db.Change(soon(t), tester, func(tx *db.Tx) error {
		_, err := Link(tx, []Sender{from("gone@x.example")})
		return errors.Join(err, broken)
	})
	if all, _ := s.List(soon(t), tester, Filter{EmailNorm: "gone@x.example"}, Page{Limit: 1}); !errors.Is(err, broken) || len(all) != 0 {
		t.Errorf("a contact outlived its rollback: %v", err)
	}
}

// Tried: the first emails of 30 senders, handled by 8 workers at once, each in an order of its own.
func TestSameNewSenderIsOneContact(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var mu sync.Mutex
	ids := map[string]map[uuid.UUID]bool{}
	var wait sync.WaitGroup
	for w := range 8 {
		wait.Go(func() {
			var senders []Sender
			for i := range 30 {
				senders = append(senders, from(fmt.Sprintf("s%d@x.example", (i*7+w*11)%30)))
			}
			linked, err := s.link(senders...)
			if err != nil || len(linked) != 30 {
				t.Errorf("%d linked: %v", len(linked), err)
			}
			mu.Lock()
			defer mu.Unlock()
			for address, l := range linked {
				if ids[address] == nil {
					ids[address] = map[uuid.UUID]bool{}
				}
				ids[address][l.Contact.ID] = true
			}
		})
	}
	wait.Wait()
	for address, found := range ids {
		if len(found) != 1 {
			t.Errorf("%s is %d contacts", address, len(found))
		}
		for id := range found {
			if got := s.events(id); got != "contact.created Name of "+address+" 1" {
				t.Errorf("recorded of %s: %s", address, got)
			}
		}
	}
}

// Tried: a sender of the past alone, and one who writes now as well: only the latter is news.
func TestContactsOfThePastAreNoNews(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	old, both := Sender{Norm: "old@x.example", Address: "old@x.example", Past: true}, Sender{Norm: "both@x.example", Address: "both@x.example"}
	was := both
	was.Past = true
	var linked map[string]Linked
	must(t, s.db.Change(soon(t), tester, func(tx *db.Tx) (err error) {
		linked, err = Link(tx, []Sender{was, old, both, was})
		return err
	}))
	for norm, want := range map[string]string{old.Norm: "contact.imported ", both.Norm: "contact.created  1"} {
		if got := s.events(linked[norm].Contact.ID); got != want {
			t.Errorf("%s: recorded %q, want %q", norm, got, want)
		}
	}
}
