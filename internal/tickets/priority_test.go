package tickets

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/fault"
)

func TestPriorityFollowsItsSignals(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		s       Signals
		want    Priority
		reasons string // joined
	}{
		"nothing":            {Signals{}, Medium, "the mailbox's default"},
		"default":            {Signals{Default: Low}, Low, "the mailbox's default"},
		"marked low":         {Signals{Importance: "low", Default: High}, Low, "the sender marked it as unimportant"},
		"marked high":        {Signals{Importance: "high", Default: Low}, High, "the sender marked it as important"},
		"VIP":                {Signals{VIP: true, Importance: "low", Default: Low}, High, "the contact is tagged VIP"},
		"subject":            {Signals{Subject: "URGENT: help", Body: "asap"}, High, `the subject says "urgent"`},
		"text":               {Signals{Subject: "Help", Body: "We need it ASAP.", Importance: "low"}, High, `the text says "asap"`},
		"everything":         {Signals{VIP: true, Subject: "Outage", Importance: "high"}, High, `the contact is tagged VIP; the subject says "outage"; the sender marked it as important`},
		"far down the text":  {Signals{Body: strings.Repeat("word ", 120) + "urgent"}, Medium, "the mailbox's default"},
		"cut within a rune":  {Signals{Body: strings.Repeat("x", 599) + "é urgent"}, Medium, "the mailbox's default"},
		"not valid UTF-8":    {Signals{Subject: "\xff urgent \xfe"}, High, `the subject says "urgent"`},
		"negated in subject": {Signals{Subject: "Not urgent", Body: "but asap please"}, High, `the text says "asap"`},
	} {
		got, reasons := Prioritise(c.s)
		if got != c.want || strings.Join(reasons, "; ") != c.reasons {
			t.Errorf("%s: %s because %q, want %s because %q", what, got, reasons, c.want, c.reasons)
		}
	}
}

// Tried: how people of several languages say that it is urgent, and that it is not.
func TestUrgencyInSeveralLanguages(t *testing.T) {
	t.Parallel()
	for _, urgent := range []string{"urgent", "URGENT!!!", "It's urgent.", "Most urgently needed", "emergency at the site", "please call ASAP",
		"as soon as possible", "The server is down", "the phones went down", "There was an outage", "we were hacked", "Security breach", "printer not working at all",
		"Printer not working urgent", "Not working, urgent", "No, this is urgent", "Why not? Urgent!", "Not urgent, but the site is down",
		"Dringend!", "dringende Bitte", "Es eilt", "NOTFALL", "bitte sofort", "Ausfall der Anlage",
		"C'est urgent", "une urgence", "la machine est en panne", "répondez immédiatement", "très urgent",
		"¡Urgente!", "es una urgencia", "el sistema está caído", "respondan inmediatamente", "È urgente", "casos urgentes"} {
		if urgentWord(urgent) == "" {
			t.Errorf("%q does not count as urgent", urgent)
		}
	}
	for _, calm := range []string{"", "Question about my invoice", "insurgents", "The surgeon's report", "resurgent", "countdown", "it is downloading", "Notfallplan 2026",
		"not urgent", "Not so urgent", "NON-URGENT", "non urgent", "this isn't urgent", "this isn’t very urgent", "It is not an emergency", "no emergency",
		"not that urgent", "not really urgent", "not at all urgent", "not asap", "not immediately",
		"nicht dringend", "nicht sehr dringend", "kein Notfall", "Das ist nicht besonders dringend", "eilt nicht", "nicht sofort",
		"pas urgent", "ce n'est pas urgent", "pas très urgent", "pas d'urgence", "pas d’urgence", "ce n'est pas une urgence",
		"no es urgente", "no es muy urgente", "sin urgencia", "no hay urgencia", "non è urgente", "não é urgente", "niet dringend"} {
		if word := urgentWord(calm); word != "" {
			t.Errorf("%q counts as urgent for %q", calm, word)
		}
	}
}

// Tried: tickets opened in a mixed order, one raised by hand, one closed; a name that there is not.
func TestRow025_QueueFollowsPriorityThenAge(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	open := func(subject string, p Priority) uuid.UUID {
		return s.open(func(o *Opening) { o.Subject, o.Priority = subject, p }).ID
	}
	low, medium, high := open("low", Low), open("medium", Medium), open("high", High)
	found, late := open("URGENT", 0), open("late", Low)
	closed := open("closed", High)
	for id, p := range map[uuid.UUID]Patch{closed: {Status: ptr(Closed)}, late: {Priority: ptr(High)}} {
		_, err := s.set(id, p)
		must(t, err)
	}
	queue, err := s.List(soon(t), sam, Filter{}, Page{Sort: Queue, Limit: 10})
	must(t, err)
	var got []uuid.UUID
	for _, one := range queue {
		got = append(got, one.ID)
	}
	if want := []uuid.UUID{high, found, late, medium, low}; !slices.Equal(got, want) {
		t.Errorf("queue %v, want %v", got, want)
	}
	for id, want := range map[uuid.UUID]string{found: `high the subject says "urgent"`, low: "low set when the ticket was opened", late: "high set by Sam Staff"} {
		if one := s.get(id).Ticket; one.Priority.String()+" "+strings.Join(one.PriorityReasons, "; ") != want {
			t.Errorf("%s: %s because %q", one.Subject, one.Priority, one.PriorityReasons)
		}
	}
	for p, name := range priorityNames {
		if back, err := ParsePriority(name); err != nil || back != p || p.String() != name {
			t.Errorf("%s is read as %v: %v", name, back, err)
		}
	}
	for _, name := range []string{"", "High", "urgent", "1"} {
		_, err := ParsePriority(name)
		wantFault(t, name, err, fault.Invalid, "invalid_priority", "priority")
	}
}

func TestVIPRaisesEveryTicketOfTheContact(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	vip, err := s.contacts.Create(soon(t), sam, contacts.Fields{Name: ptr("Ann"), Email: &ann.Address, EmailNorm: ann.Norm, Tags: &[]string{contacts.VIP}})
	must(t, err)
	emergency, err := s.contacts.Create(soon(t), sam, contacts.Fields{Name: ptr("Bob"), Email: &bob.Address, EmailNorm: bob.Norm, Tags: &[]string{"emergency"}})
	must(t, err)
	for want, c := range map[Priority]contacts.Contact{High: vip, Medium: emergency} {
		if got := s.open(func(o *Opening) { o.Contact.Contact, o.Importance = c, "" }); got.Priority != want {
			t.Errorf("%s's ticket is %s because %q", c.Name, got.Priority, got.PriorityReasons)
		}
	}
}

func FuzzPrioritise(f *testing.F) {
	f.Add("URGENT", "not urgent", "high", 2)
	f.Add("nicht so dringend", strings.Repeat("ä", 600), "low", 0)
	f.Add("\xff\x00", "isn’t \xf0\x9f urgent", "", 3)
	f.Fuzz(func(t *testing.T, subject, body, importance string, fallback int) {
		p, reasons := Prioritise(Signals{Subject: subject, Body: body, Importance: importance, Default: Priority(fallback&1 + 1)})
		if p.String() == "" || len(reasons) == 0 {
			t.Errorf("priority %d because %q", p, reasons)
		}
		for _, r := range reasons {
			if !utf8.ValidString(r) || strings.ContainsRune(r, 0) || len(r) > 200 {
				t.Errorf("reason %q", r)
			}
		}
	})
}
