package words

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// variables are the names in a sentence, each once.
func variables(s sentence) []string {
	var names []string
	for i := 1; i < len(s); i += 2 {
		names = append(names, s[i])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestEveryLanguageHasEveryKeyWithTheSameVariables(t *testing.T) {
	t.Parallel()
	want := catalogue[English]
	for _, l := range All {
		got := catalogue[l]
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s has other keys than English:\n%s", l, diff)
		}
		for key, s := range got {
			if diff := cmp.Diff(variables(want[key]), variables(s)); diff != "" {
				t.Errorf("%s: %s has other variables:\n%s", l, key, diff)
			}
			for i := 0; i < len(s); i += 2 {
				if strings.ContainsAny(s[i], "{}\n") || i == 0 && s[i] != strings.TrimSpace(s[i]) && len(s) == 1 {
					t.Errorf("%s: %s is badly written: %q", l, key, s)
				}
			}
		}
	}
}

// Words that are the same in two languages are few; any other is a sentence that was forgotten.
func TestNoSentenceIsLeftInEnglish(t *testing.T) {
	t.Parallel()
	same := []string{"page.api", "date.day", "date.date", "date.clock", "date.month_4", "date.month_8", "date.month_9", "date.month_11"}
	for _, l := range All[1:] {
		for key, s := range catalogue[l] {
			if slices.Equal(s, catalogue[English][key]) && !slices.Contains(same, key) {
				t.Errorf("%s: %s is English: %q", l, key, s)
			}
		}
	}
}

func TestSentenceTakesItsValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{English.T("letter.hello_name", "name", "Ann"), "Hello Ann,"},
		{German.T("letter.name_wrote_at", "name", "{time}", "time", "X"), "Am X schrieb {time}:"},
		{Spanish.T("letter.hello"), "Hola:"},
		{Language("").T("letter.hello"), "Hello,"},
		{Language("tlh").T("letter.hello"), "Hello,"},
		{French.T("no.such_key"), "no.such_key"},
		{French.T("letter.hello_name"), "Bonjour ,"},
		{German.Reword("reason", `the subject says "urgent"`), "im Betreff steht „urgent“"},
		{German.Reword("reason", "the contact is tagged VIP"), "der Kontakt ist als VIP gekennzeichnet"},
		{German.Reword("reason", "somebody's own words"), "somebody's own words"},
		{English.Reword("reason", "the mailbox's default"), "the mailbox's default"},
		{strings.Join(French.Column("letter.subject", "letter.priority"), "|"), "Objet\u00a0:   |Priorité\u00a0:"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestLanguageIsFoundByTag(t *testing.T) {
	t.Parallel()
	for tags, want := range map[string]Language{
		"de": German, "de-CH": German, "DE_at": German, "fr-CA": French, "es-419": Spanish, "en-GB": English,
		"nl, fr;q=0.8, en;q=0.5": French, "de;q=0, es;q=0.1": Spanish, "en-US,en;q=0.9,de;q=0.8": English,
		"pt-BR": "", "ja": "", "": "", "!!": "", "*": "", strings.Repeat("de,", 1000): "",
	} {
		got, ok := Speaks(tags)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%.40q: %q %v, want %q", tags, got, ok, want)
		}
	}
	if l := First("", "nl", "es-MX", "de"); l != Spanish {
		t.Errorf("the first that is spoken is %s", l)
	}
	if First("nl") != English || !Valid("nl-BE") || Valid("x") || Valid("klingon1!") {
		t.Error("tags are taken for what they are not")
	}
}

func TestTimeIsWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 3, 14, 5, 0, 0, time.UTC)
	paris, tehran := Zone("Europe/Paris"), Zone("Mars/Base", "", "America/Sao_Paulo")
	for _, c := range []struct{ got, want string }{
		{English.Time(at, nil), "3 March 2026, 14:05 UTC"},
		{English.Time(at, paris), "3 March 2026, 15:05 CET"},
		{German.Time(at, paris), "3. März 2026 um 15:05 Uhr (CET)"},
		{French.Time(at, paris), "3 mars 2026 à 15:05 (CET)"},
		{Spanish.Time(at, tehran), "3 de marzo de 2026 a las 11:05 (UTC-03)"},
		{German.Day(at, paris), "Dienstag, 3. März 2026"},
		{French.Day(at, paris), "mardi 3 mars 2026"},
		{Spanish.Clock(at, paris), "15:05 (CET)"},
		{Zone("", "nowhere").String(), "UTC"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// FuzzSpeaks reads what any browser sends.
func FuzzSpeaks(f *testing.F) {
	f.Add("de-CH, en;q=0.8")
	f.Add("*;q=")
	f.Fuzz(func(t *testing.T, header string) {
		if l, ok := Speaks(header); !slices.Contains(All, l) || !ok && l != English {
			t.Errorf("%q: %q %v", header, l, ok)
		}
	})
}
