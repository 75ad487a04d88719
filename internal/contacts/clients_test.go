package contacts

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

func TestClientIsCreatedReadAndChanged(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c, err := s.CreateClient(soon(t), tester, ClientFields{Name: ptr("  Acme  "), Domains: &[]string{"@ACME.example", "acme.example ", "Bücher.example"}})
	must(t, err)
	read, err := s.Client(soon(t), tester, c.ID)
	must(t, err)
	if asJSON(read) != asJSON(c) || c.Name != "Acme" || c.TimeZone != "" || c.Language != "" || c.CRMRef != nil || c.Version != 1 ||
		!slices.Equal(c.Domains, []string{"acme.example", "xn--bcher-kva.example"}) {
		t.Errorf("created %s\n   read %s", asJSON(c), asJSON(read))
	}
	c, err = s.UpdateClient(soon(t), tester, c.ID, 1, ClientFields{TimeZone: ptr("Europe/Paris"), Language: ptr("fr-CA"), CRMRef: ptr("C-1")})
	must(t, err)
	read, err = s.Client(soon(t), tester, c.ID)
	must(t, err)
	if asJSON(read) != asJSON(c) || c.Version != 2 || c.Name != "Acme" || c.TimeZone != "Europe/Paris" || *c.CRMRef != "C-1" || len(c.Domains) != 2 {
		t.Errorf("changed %s\n   read %s", asJSON(c), asJSON(read))
	}
	c, err = s.UpdateClient(soon(t), tester, c.ID, 2, ClientFields{CRMRef: ptr(""), Domains: &[]string{}})
	if err != nil || c.CRMRef != nil || len(c.Domains) != 0 {
		t.Errorf("emptied %s: %v", asJSON(c), err)
	}
	if got := s.events(c.ID); got != "client.created Acme, client.updated Acme, client.updated Acme" {
		t.Errorf("recorded %s", got)
	}
}

func TestClientsAreRefusedWithTheirReason(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	taken, err := s.CreateClient(soon(t), tester, ClientFields{Name: ptr("Acme"), CRMRef: ptr("C-1")})
	must(t, err)
	other, err := s.CreateClient(soon(t), tester, ClientFields{Name: ptr("Bolt")})
	must(t, err)
	many := make([]string, 101)
	for i := range many {
		many[i] = strings.Repeat("a", i/10+1) + string(rune('a'+i%10)) + ".example"
	}
	for what, c := range map[string]struct {
		f           ClientFields
		kind        fault.Kind
		code, field string
	}{
		"no name":         {ClientFields{Name: ptr(" \t")}, fault.Invalid, "invalid_name", "name"},
		"long name":       {ClientFields{Name: ptr(strings.Repeat("é", 101))}, fault.Invalid, "invalid_name", "name"},
		"unknown zone":    {ClientFields{TimeZone: ptr("Mars/Base")}, fault.Invalid, "invalid_time_zone", "time_zone"},
		"local zone":      {ClientFields{TimeZone: ptr("Local")}, fault.Invalid, "invalid_time_zone", "time_zone"},
		"no language":     {ClientFields{Language: ptr("e")}, fault.Invalid, "invalid_language", "language"},
		"unspoken":        {ClientFields{Language: ptr("ja")}, fault.Invalid, "invalid_language", "language"},
		"long language":   {ClientFields{Language: ptr(strings.Repeat("e", 36))}, fault.Invalid, "invalid_language", "language"},
		"no domain":       {ClientFields{Domains: &[]string{"acme.example", "localhost"}}, fault.Invalid, "invalid_domain", "domains"},
		"broken domain":   {ClientFields{Domains: &[]string{"ac me.example"}}, fault.Invalid, "invalid_domain", "domains"},
		"address":         {ClientFields{Domains: &[]string{"ann@acme.example"}}, fault.Invalid, "invalid_domain", "domains"},
		"101 domains":     {ClientFields{Domains: &many}, fault.Invalid, "too_many_domains", "domains"},
		"taken reference": {ClientFields{CRMRef: ptr("C-1")}, fault.Conflict, "crm_ref_taken", "crm_ref"},
	} {
		_, err := s.UpdateClient(soon(t), tester, other.ID, 1, c.f)
		wantFault(t, "update: "+what, err, c.kind, c.code, c.field)
		if c.f.Name == nil {
			c.f.Name = ptr("New")
		}
		_, err = s.CreateClient(soon(t), tester, c.f)
		wantFault(t, "create: "+what, err, c.kind, c.code, c.field)
	}
	_, err = s.CreateClient(soon(t), tester, ClientFields{})
	wantFault(t, "nothing given", err, fault.Invalid, "invalid_name", "name")
	_, err = s.UpdateClient(soon(t), tester, taken.ID, 2, ClientFields{Name: ptr("New")})
	wantFault(t, "a version to come", err, fault.Stale, "stale_version", "")
	_, err = s.UpdateClient(soon(t), tester, uuid.New(), 1, ClientFields{})
	wantFault(t, "update of none", err, fault.NotFound, "client_not_found", "")
	_, err = s.Client(soon(t), tester, uuid.New())
	wantFault(t, "read of none", err, fault.NotFound, "client_not_found", "")
	if got := s.events(other.ID); got != "client.created Bolt" {
		t.Errorf("refusals left a record: %s", got)
	}
}

func TestClientsArePaged(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var want []uuid.UUID
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		want = append([]uuid.UUID{s.client(name)}, want...)
	}
	var got []uuid.UUID
	for p := (Page{Limit: 2}); ; p.After = got[len(got)-1] {
		page, err := s.Clients(soon(t), tester, p)
		must(t, err)
		for _, c := range page {
			got = append(got, c.ID)
		}
		if len(page) < 2 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages give %v, want %v", got, want)
	}
	member := event.Actor{Kind: "api_key", ID: "m", Realm: event.Client, ClientID: want[1]}
	if own, err := s.Clients(soon(t), member, Page{Limit: 10}); err != nil || len(own) != 1 || own[0].ID != want[1] {
		t.Errorf("a member sees %s: %v", asJSON(own), err)
	}
	_, err := s.Client(soon(t), member, want[0])
	wantFault(t, "another client, read by a member", err, fault.NotFound, "client_not_found", "")
}
