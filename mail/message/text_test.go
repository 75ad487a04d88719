package message

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

func TestCleanText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "text\n\tmore": "text\n\tmore", "a\x00b": "ab", "a\xffb": "a\ufffdb", "a\r\nb\rc": "a\nb\nc", "a\x1b[31mb": "a[31mb", "a\x7fb": "ab", "a\u0085b\u009bc": "abc", "Grüße 日本 👍": "Grüße 日本 👍",
	} {
		if got := CleanText(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

// Tried: every character that turns the direction, in a subject, encoded or not, in names of senders and of files.
// Joiners, which emoji and Persian need, stay.
func TestNothingTurnsTheDirection(t *testing.T) {
	t.Parallel()
	for _, r := range "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" {
		bad := "gpj" + string(r) + " exe"
		encoded := "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(bad)) + "?="
		for _, said := range []string{bad, encoded} {
			e := parse(t, "From: "+said+" <ann@x.example>\r\nCc: bob@x.example ("+said+")\r\nSubject: "+said+
				"\r\nContent-Type: application/pdf; name=\""+said+"\"\r\n\r\nx")
			got := []string{e.Subject, e.From.Name, e.Cc[0].Name, e.Attachments[0].Name}
			if !slices.Equal(got, []string{"gpj exe", "gpj exe", "gpj exe", "gpj exe"}) {
				t.Errorf("%U: %q", r, got)
			}
		}
	}
	if kept := "👩\u200d💻 می\u200cخواهم"; CleanLine(kept) != kept {
		t.Errorf("%q gives %q", kept, CleanLine(kept))
	}
}

func TestUnflow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in    string
		delSp bool
		want  string
	}{
		"joined":        {"a \nb\nc", false, "a b\nc\n"},
		"delsp":         {"a \nb", true, "ab\n"},
		"quotes":        {"> a \n> b\n>> c", false, "> a b\n>> c\n"},
		"other depth":   {"> a \nb", false, "> a \nb\n"},
		"signature":     {"a \n-- \nb", false, "a \n-- \nb\n"},
		"space-stuffed": {" >a\n  b", false, ">a\n b\n"},
		"open end":      {"a ", false, "a "},
	} {
		if got := unflow(c.in, c.delSp); got != c.want {
			t.Errorf("%s: %q gives %q, want %q", name, c.in, got, c.want)
		}
	}
}

// plainClean and plainTrim say simply what CleanText and trimBlankLines say fast.
func plainClean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case unwanted(r):
			return -1
		}
		return r
	}, s)
}

func plainTrim(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\u00a0\r")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

func FuzzCleanText(f *testing.F) {
	for _, s := range []string{"", "a", "a\r\nb\rc\r\r\n", "\x00a\x7f\u0085b\u00a0 \n\n", "\xff\xfe\r\xffa\xc2", " \n \u00a0\na\t \n\n", "ü\r", "\xc2\n", "a \xa0\nb\xa0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := CleanText(s), plainClean(s); got != want {
			t.Errorf("%q is cleaned to %q, want %q", s, got, want)
		}
		s = plainClean(s)
		if got, want := trimBlankLines(s), plainTrim(s); got != want {
			t.Errorf("%q is trimmed to %q, want %q", s, got, want)
		}
		if got, want := CleanLine(s), strings.Join(strings.Fields(s), " "); got != want {
			t.Errorf("%q on one line is %q, want %q", s, got, want)
		}
		if got, want := strings.Trim(s, "-_=*#+~ᐧ·—–>| \t\u00a0\u200b") == "" && strings.TrimSpace(s) != "", isDelimiter(s); got != want && !strings.Contains(s, "\n") {
			t.Errorf("%q draws a line: %v, want %v", s, want, got)
		}
	})
}
