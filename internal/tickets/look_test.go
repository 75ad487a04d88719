package tickets

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/contacts"
	hoursPackage "github.com/postern-desk/postern/internal/hours"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/internal/words"
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
		made, err := s.contacts.Create(soon(t), sam, contacts.Fields{ClientID: &acme.ID, Name: ptr("Ann"), Email: &norm, EmailNorm: norm, Language: ptr("")})
		must(t, err)
		s.test.Fixture(t, `update contacts set language = nullif($2, '') where id = $1`, made.ID, c.own) // an older release took any tag
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

// Tried: a desk and a mailbox that are closed for three days yet, a mailbox that is always open, and its own name and look.
func TestAcknowledgementSaysWhenTheDeskAnswers(t *testing.T) {
	t.Parallel()
	back := time.Now().UTC().AddDate(0, 0, 3)
	week := strings.ToLower(back.Format("Mon")) + " 12:00-12:30"
	open := func(hours *mailboxes.Hours) string {
		s := newScene(t, func(f *mailboxes.Fields) {
			f.FromName, f.Accent, f.Logo, f.Hours = ptr("Spare parts"), ptr("#0b6e4f"), ptr("https://parts.example/l.png"), hours
		})
		s.desk.Language, s.desk.TimeZone, s.desk.Accent = "de", "Etc/GMT-2", "#000000"
		var err error
		s.desk.Hours, err = hoursPackage.Parse(week, nil, time.FixedZone("", 2*3600))
		must(t, err)
		raw := s.letters(s.open(func(o *Opening) { o.Acknowledge = true }).ID)[0].raw
		raw = strings.NewReplacer("=\r\n", "", "\r\n", "\n", "=3D", "=", "=C3=BC", "ü", "=C3=A4", "ä").Replace(raw)
		for _, own := range []string{"\n\nSpare parts\n", `src="https://parts.example/l.png" alt="Spare parts"`, "solid #0b6e4f"} {
			if !strings.Contains(raw, own) {
				t.Errorf("the letter has no %q:\n%s", own, raw)
			}
		}
		return raw
	}
	day := words.German.Day(back, nil)
	for want, hours := range map[string]*mailboxes.Hours{
		"Wir sind wieder für Sie da: " + day + ", 12:00 Uhr (UTC+02).": nil,
		"Wir sind wieder für Sie da: " + day + ", 14:00 Uhr (UTC+02).": {Week: week, TimeZone: "UTC"},
		"Antwort von uns.\n\nBetreff":                                  {Week: "sun-sat 00:00-24:00"},
	} {
		if raw := open(hours); !strings.Contains(raw, want) {
			t.Errorf("with %+v no %q in:\n%s", hours, want, raw)
		}
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
