package contacts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/fault"
)

// told is the steps as a person reads them.
func told(steps []ImportStep, err error) string {
	var out []string
	for _, s := range steps {
		line := fmt.Sprintf("%d %s %s", s.Line, s.Action, strings.Join(s.Changes, " "))
		if f := fault.As(s.Err); f != nil {
			line = fmt.Sprintf("%d %s in %s", s.Line, f.Code, f.Field)
		}
		out = append(out, strings.TrimSpace(line))
	}
	if err != nil {
		out = append(out, err.Error())
	}
	return strings.Join(out, "\n")
}

func wantTold(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// Tried: a new client, one known by its reference, one by its name, which gets a reference, one whose name two
// have, one without a name, and a wrong time zone; checked, done, and done again.
func TestClientsAreImported(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme, err := s.CreateClient(soon(t), tester, ClientFields{Name: ptr("Acme"), CRMRef: ptr("A-1"), Language: ptr("fr")})
	must(t, err)
	s.client("Beta")
	s.client("Twice")
	s.client("Twice")
	rows := []ImportClient{
		{2, ClientFields{Name: ptr("New"), Domains: &[]string{"new.example"}, TimeZone: ptr("Europe/Paris")}},
		{3, ClientFields{Name: ptr("Acme Ltd"), CRMRef: ptr("A-1"), Language: ptr("de")}},
		{4, ClientFields{Name: ptr("Beta"), CRMRef: ptr("B-1")}},
		{5, ClientFields{Name: ptr("Twice")}},
		{6, ClientFields{CRMRef: ptr("C-9")}},
		{7, ClientFields{Name: ptr("Gamma"), TimeZone: ptr("Mars/North")}},
	}
	want := "2 create\n3 update client: \"Acme\" -> \"Acme Ltd\" language: \"fr\" -> \"de\"\n4 update client_ref: \"\" -> \"B-1\"\n" +
		"5 client_ambiguous in client_ref\n6 invalid_name in name\n7 invalid_time_zone in time_zone"
	wantTold(t, "checked", told(s.CheckClients(soon(t), tester, rows)), want)
	if all, err := s.Clients(soon(t), tester, Page{Limit: 10}); err != nil || len(all) != 4 || all[3].Name != "Acme" {
		t.Errorf("the check left %s: %v", asJSON(all), err)
	}
	wantTold(t, "done", told(s.ImportClients(soon(t), tester, rows)), want)
	again := "2 nothing\n3 nothing\n4 nothing\n5 client_ambiguous in client_ref\n6 invalid_name in name\n7 invalid_time_zone in time_zone"
	wantTold(t, "done again", told(s.ImportClients(soon(t), tester, rows)), again)
	if got := s.events(acme.ID); got != "client.created Acme, client.updated Acme Ltd" {
		t.Errorf("recorded %s", got)
	}
}

// Tried: new contacts with and without a client, some known by reference and by address, an organisation that shares
// its address with a person, conflicts of both keys, a client that there is not; checked, done, and done again.
func TestContactsAreImported(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme := s.client("Acme")
	ann := s.person(acme, "ann@acme.example")
	s.person(acme, "bob@acme.example")
	s.person(uuid.Nil, "ann@acme.example")
	_, err := s.Create(soon(t), tester, Fields{ClientID: &acme, Name: ptr("Cid"), CRMRef: ptr("P-3")})
	must(t, err)
	of := ClientKey{Name: "Acme"}
	row := func(line int, client ClientKey, f Fields) ImportContact {
		if f.Email != nil {
			f.EmailNorm = strings.ToLower(*f.Email)
		}
		return ImportContact{line, client, f}
	}
	rows := []ImportContact{
		row(2, of, Fields{Name: ptr("Dan"), Email: ptr("dan@acme.example"), Tags: &[]string{VIP}}),
		row(3, of, Fields{Name: ptr("Anna"), Email: ptr("ann@acme.example"), CRMRef: ptr("P-1"), Phone: ptr("+33 1")}),
		row(4, of, Fields{CRMRef: ptr("P-3"), Email: ptr("cid@acme.example")}),
		row(5, of, Fields{CRMRef: ptr("P-3"), Email: ptr("bob@acme.example")}),
		row(6, of, Fields{Kind: ptr(Organisation), Name: ptr("Paris"), CRMRef: ptr("O-1"), Email: ptr("paris@acme.example")}),
		row(7, ClientKey{}, Fields{Name: ptr("Ann"), Email: ptr("ann@acme.example")}),
		row(8, ClientKey{Ref: "N-0"}, Fields{Name: ptr("Eve"), Email: ptr("eve@x.example")}),
		row(9, of, Fields{Kind: ptr(Organisation), Email: ptr("bob@acme.example")}),
		row(10, of, Fields{Name: ptr("Fay"), Email: ptr("fay@acme.example"), Tags: &[]string{"friend"}}),
	}
	want := "2 create\n3 update name: \"Ann\" -> \"Anna\" phone: \"\" -> \"+33 1\" crm_ref: \"\" -> \"P-1\"\n4 update email: \"\" -> \"cid@acme.example\"\n" +
		"5 email_taken in email\n6 create\n7 nothing\n%s\n9 kind_fixed in kind\n10 invalid_tag in tags"
	wantTold(t, "checked", told(s.CheckContacts(soon(t), tester, rows)), fmt.Sprintf(want, "8 create"))
	if got := s.events(ann.ID); got != "contact.created Ann 1" {
		t.Errorf("the check recorded %s", got)
	}
	wantTold(t, "done", told(s.ImportContacts(soon(t), tester, rows)), fmt.Sprintf(want, "8 client_not_found in client"))
	if got := s.events(ann.ID); got != "contact.created Ann 1, contact.updated Anna 2" {
		t.Errorf("recorded %s", got)
	}
	again := "2 nothing\n3 nothing\n4 nothing\n5 email_taken in email\n6 nothing\n7 nothing\n8 client_not_found in client\n9 kind_fixed in kind\n10 invalid_tag in tags"
	wantTold(t, "done again", told(s.ImportContacts(soon(t), tester, rows)), again)
	wantTold(t, "another reference", told(s.ImportContacts(soon(t), tester, []ImportContact{row(2, of, Fields{CRMRef: ptr("P-9"), Email: ptr("ann@acme.example")})})),
		"2 crm_ref_differs in crm_ref")
}
