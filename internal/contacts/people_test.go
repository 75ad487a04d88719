package contacts

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

func TestContactIsCreatedReadAndChanged(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme := s.client("Acme")
	c, err := s.Create(soon(t), tester, Fields{ClientID: &acme, Name: ptr(" Ann "), Email: ptr("Ann@Acme.example"), EmailNorm: "ann@acme.example",
		Phone: ptr("+33 1"), Relationship: ptr("owner"), CRMRef: ptr("P-1"), Tags: &[]string{"vip"}})
	must(t, err)
	read, err := s.Get(soon(t), tester, c.ID)
	must(t, err)
	if asJSON(read) != asJSON(c) || c.Name != "Ann" || c.Kind != Person || c.ClientID.UUID != acme || *c.EmailNorm != "ann@acme.example" || !c.IsVIP() {
		t.Errorf("created %s\n   read %s", asJSON(c), asJSON(read))
	}
	want := `{"id":"` + c.ID.String() + `","client_id":"` + acme.String() + `","kind":"person","name":"Ann","email":"Ann@Acme.example","crm_ref":"P-1","tags":["vip"],"sequence":1}`
	if got := asJSON(c.Snapshot()); got != want {
		t.Errorf("subscribers get %s", got)
	}
	tags := []string{}
	c, err = s.Update(soon(t), tester, c.ID, 1, Fields{Email: ptr(""), Phone: ptr(""), Relationship: ptr(""), CRMRef: ptr(""), Tags: &tags})
	must(t, err)
	read, err = s.Get(soon(t), tester, c.ID)
	must(t, err)
	if asJSON(read) != asJSON(c) || c.Email != nil || c.EmailNorm != nil || c.Phone != nil || c.CRMRef != nil || c.IsVIP() || c.Version != 2 {
		t.Errorf("emptied %s\n   read %s", asJSON(c), asJSON(read))
	}
	if got := s.events(c.ID); got != "contact.created Ann 1, contact.updated Ann 2" {
		t.Errorf("recorded %s", got)
	}
	many, err := s.Many(soon(t), tester, []uuid.UUID{c.ID, uuid.New()})
	if err != nil || len(many) != 1 || asJSON(many[c.ID]) != asJSON(c) {
		t.Errorf("read with others: %s: %v", asJSON(many), err)
	}
	if none, err := s.Many(soon(t), tester, nil); err != nil || none == nil || len(none) != 0 {
		t.Errorf("read of no ids: %v %v", none, err)
	}
}

func TestContactsAreRefusedWithTheirReason(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme := s.client("Acme")
	_, err := s.Create(soon(t), tester, Fields{ClientID: &acme, Name: ptr("Taken"), Email: ptr("taken@x.example"), EmailNorm: "taken@x.example", CRMRef: ptr("P-1")})
	must(t, err)
	ann := s.person(acme, "ann@x.example")
	for what, c := range map[string]struct {
		f           Fields
		kind        fault.Kind
		code, field string
	}{
		"long name":       {Fields{Name: ptr(strings.Repeat("a", 201))}, fault.Invalid, "invalid_name", "name"},
		"neither":         {Fields{Name: ptr(""), Email: ptr("")}, fault.Invalid, "invalid_name", "name"},
		"unknown tag":     {Fields{Tags: &[]string{"vip", "friend"}}, fault.Invalid, "invalid_tag", "tags"},
		"no address":      {Fields{Email: ptr("no address")}, fault.Invalid, "invalid_email", "email"},
		"taken address":   {Fields{Email: ptr("Taken@x.example"), EmailNorm: "taken@x.example"}, fault.Conflict, "email_taken", "email"},
		"taken reference": {Fields{CRMRef: ptr("P-1")}, fault.Conflict, "crm_ref_taken", "crm_ref"},
	} {
		_, err := s.Update(soon(t), tester, ann.ID, 1, c.f)
		wantFault(t, "update: "+what, err, c.kind, c.code, c.field)
		c.f.ClientID = &acme
		if c.f.Name == nil {
			c.f.Name = ptr("New")
		}
		_, err = s.Create(soon(t), tester, c.f)
		wantFault(t, "create: "+what, err, c.kind, c.code, c.field)
	}
	for what, c := range map[string]struct {
		f           Fields
		code, field string
	}{
		"nothing given":             {Fields{}, "invalid_name", "name"},
		"organisation without name": {Fields{Kind: ptr(Organisation), Email: ptr("o@x.example"), EmailNorm: "o@x.example"}, "invalid_name", "name"},
		"unknown kind":              {Fields{Kind: ptr("robot"), Name: ptr("R")}, "invalid_kind", "kind"},
		"client that there is not":  {Fields{ClientID: ptr(uuid.New()), Name: ptr("New")}, "client_not_found", "client_id"},
	} {
		_, err := s.Create(soon(t), tester, c.f)
		wantFault(t, what, err, fault.Invalid, c.code, c.field)
	}
	_, err = s.Update(soon(t), tester, ann.ID, 2, Fields{})
	wantFault(t, "a version to come", err, fault.Stale, "stale_version", "")
	_, err = s.Update(soon(t), tester, uuid.New(), 1, Fields{})
	wantFault(t, "update of none", err, fault.NotFound, "contact_not_found", "")
	_, err = s.Get(soon(t), tester, uuid.New())
	wantFault(t, "read of none", err, fault.NotFound, "contact_not_found", "")
	if got := s.events(ann.ID); got != "contact.created Ann 1" {
		t.Errorf("refusals left a record: %s", got)
	}
}

// One person per address and client, and one without a client; organisations share addresses freely.
func TestAddressIsUniqueWithinItsClient(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme, bolt := s.client("Acme"), s.client("Bolt")
	for i, c := range []struct {
		client *uuid.UUID
		kind   string
		taken  bool
	}{
		{&acme, Person, false}, {&acme, Person, true}, {&bolt, Person, false}, {nil, Person, false}, {nil, Person, true},
		{&acme, Organisation, false}, {&acme, Organisation, false}, {nil, Organisation, false}, {nil, Organisation, false}, {&bolt, Person, true},
	} {
		_, err := s.Create(soon(t), tester, Fields{ClientID: c.client, Kind: &c.kind, Name: ptr("N"), Email: ptr("info@x.example"), EmailNorm: "info@x.example"})
		if fault.Is(err, "email_taken") != c.taken || err != nil && !c.taken {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if all, err := s.List(soon(t), tester, Filter{EmailNorm: "info@x.example"}, Page{Limit: 20}); err != nil || len(all) != 7 {
		t.Errorf("%d contacts share the address: %v", len(all), err)
	}
}

// Tried: two people who change the same version at once.
func TestOneOfTwoChangesIsStale(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.person(uuid.Nil, "ann@x.example")
	results := make(chan error)
	for _, name := range []string{"Anna", "Anne"} {
		go func() {
			_, err := s.Update(soon(t), tester, c.ID, 1, Fields{Name: &name})
			results <- err
		}()
	}
	first, second := <-results, <-results
	if first == nil {
		first, second = second, first
	}
	wantFault(t, "the later one", first, fault.Stale, "stale_version", "")
	must(t, second)
}

func TestContactsAreFilteredAndPaged(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme, bolt := s.client("Acme"), s.client("Bolt")
	all := []Contact{s.person(acme, "a@x.example"), s.person(bolt, "a@x.example"), s.person(acme, "b@x.example"), s.person(uuid.Nil, "a@x.example")}
	slices.Reverse(all)
	for what, c := range map[string]struct {
		f    Filter
		want func(Contact) bool
	}{
		"all":       {Filter{}, func(Contact) bool { return true }},
		"client":    {Filter{ClientID: acme}, func(c Contact) bool { return c.ClientID.UUID == acme }},
		"address":   {Filter{EmailNorm: "a@x.example"}, func(c Contact) bool { return *c.Email == "a@x.example" }},
		"both":      {Filter{ClientID: acme, EmailNorm: "a@x.example"}, func(c Contact) bool { return c.ClientID.UUID == acme && *c.Email == "a@x.example" }},
		"no client": {Filter{ClientID: uuid.New()}, func(Contact) bool { return false }},
	} {
		var want, got []uuid.UUID
		for _, one := range all {
			if c.want(one) {
				want = append(want, one.ID)
			}
		}
		for p := (Page{Limit: 1}); ; p.After = got[len(got)-1] {
			page, err := s.List(soon(t), tester, c.f, p)
			must(t, err)
			if len(page) == 0 {
				break
			}
			got = append(got, page[0].ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	member := event.Actor{Kind: "api_key", ID: "m", Realm: event.Client, ClientID: bolt}
	if own, err := s.List(soon(t), member, Filter{}, Page{Limit: 10}); err != nil || len(own) != 1 || own[0].ID != all[2].ID {
		t.Errorf("a member of Bolt sees %s: %v", asJSON(own), err)
	}
	if own, err := s.Many(soon(t), member, []uuid.UUID{all[0].ID, all[1].ID, all[2].ID}); err != nil || len(own) != 1 {
		t.Errorf("a member of Bolt reads %s: %v", asJSON(own), err)
	}
	_, err := s.Get(soon(t), member, all[1].ID)
	wantFault(t, "another client's contact, read by a member", err, fault.NotFound, "contact_not_found", "")
	must(t, s.db.View(soon(t), tester, func(v *db.View) error {
		if c, ok, err := GetIn(v, all[0].ID); !ok || err != nil || asJSON(c) != asJSON(all[0]) {
			t.Errorf("in a transaction: %s %v %v", asJSON(c), ok, err)
		}
		if _, ok, err := GetIn(v, uuid.New()); ok || err != nil {
			t.Errorf("none in a transaction: %v %v", ok, err)
		}
		return nil
	}))
}
