package tickets

import (
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/wording"
)

// Tried: a contact with a language of its own, one whose client has it, one whose tag the desk does not speak, one
// that says nothing; and staff, who get the desk's.
func TestLettersSpeakTheContactsLanguage(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(f *mailboxes.Fields) { f.StaffAddresses = &[]string{"day@desk.example"} })
	s.desk.Language, s.desk.TimeZone = "es", "America/Bogota"
	acme, err := s.contacts.CreateClient(soon(t), sam, contacts.ClientFields{Name: ptr("Acme"), Language: ptr("fr-CA"), TimeZone: ptr("Europe/Paris")})
	must(t, err)
	for i, c := range []struct{ own, hello, quoted string }{
		{"de-AT", "Guten Tag Ann,", "(CE"}, {"", "Bonjour Ann,", "(CE"}, {"ja", "Bonjour Ann,", "(CE"},
	} {
		norm := string(rune('a'+i)) + "@client.example"
		made, err := s.contacts.Create(soon(t), sam, contacts.Fields{ClientID: &acme.ID, Name: ptr("Ann"), Email: &norm, EmailNorm: norm, Language: &c.own})
		must(t, err)
		who, err := s.contacts.Get(soon(t), sam, made.ID)
		must(t, err)
		opened := s.open(func(o *Opening) {
			o.From, o.Acknowledge = Person{Address: norm, Norm: norm, Name: "Ann"}, true
			o.Contact.Contact = who
		})
		s.post(opened.ID, Post{Visibility: Everyone, Body: "Ja."})
		all := s.letters(opened.ID)
		ack, notice, answer := all[0], all[1], all[2]
		if !strings.Contains(ack.raw, c.hello) || !strings.Contains(answer.raw, c.quoted) {
			t.Errorf("%q: %s\n%s", c.own, ack.raw, answer.raw)
		}
		if !strings.Contains(notice.raw, "Se ha abierto un nuevo ticket.") {
			t.Errorf("staff are told %s", notice.raw)
		}
	}
	opened := s.open(func(o *Opening) { o.Acknowledge = true })
	s.post(opened.ID, Post{Visibility: Everyone, Body: "Ja."})
	letters := s.letters(opened.ID)
	if last := letters[len(letters)-1].raw; !strings.Contains(letters[0].raw, "Hola, Ann:") || !strings.Contains(last, "UTC-05") {
		t.Errorf("a stranger reads %s\n%s", letters[0].raw, last)
	}
}

// Tried: a template in the letter's language, and one that breaks after it was saved, as an older release may leave it.
func TestLettersAreInTheDesksOwnWords(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.desk.Wording = wording.New(s.db, nil, nil)
	_, err := s.desk.Wording.Put(soon(t), sam, wording.Template{Name: "acknowledgement", Text: "Ahoy {{name}}, no. {{number}}", HTML: "<p>Ahoy {{name}}</p>"})
	must(t, err)
	all := s.letters(s.open(func(o *Opening) { o.Acknowledge = true }).ID)
	if raw := all[0].raw; !strings.Contains(raw, "Ahoy Ann, no. 10") || !strings.Contains(raw, "<p>Ahoy Ann</p>") || !strings.Contains(raw, "above this line") {
		t.Errorf("the letter is %s", raw)
	}
	s.test.Fixture(t, `update letter_templates set text = '{{range name}}', version = version + 1`)
	s.desk.Wording = wording.New(s.db, nil, nil)
	all = s.letters(s.open(func(o *Opening) { o.Acknowledge = true }).ID)
	if raw := all[0].raw; !strings.Contains(raw, "thank you for writing") {
		t.Errorf("with a broken template the letter is %s", raw)
	}
}
