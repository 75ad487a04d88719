package main_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// told is a row of the table in docs/operations.md: what is wrong, the line of the doctor, the remedy.
type told struct{ status, name, remedy string }

var toldRow = regexp.MustCompile("^\\| (.+?) \\| `(warn|fail)` (.+?) \\| (.+) \\|$")

func toldInDocs(t *testing.T) map[string]told {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]told{}
	for line := range strings.Lines(string(text)) {
		if row := toldRow.FindStringSubmatch(strings.TrimSpace(line)); row != nil {
			rows[row[1]] = told{row[2], row[3], row[4]}
		}
	}
	return rows
}

// yours are the words that stand for what every desk has of its own.
var yours = regexp.MustCompile(`\b(ADDRESS|FILE|FOLDER|BACKUP/secret\.key FILE|NAME|VERSION|DOMAIN|URL|ROLE|KIND|SIZE|DURATION|USER)\b`)

// pattern matches a text of the table in what the doctor says.
func pattern(text string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	plain := strings.ReplaceAll(text, "`", "")
	for at := 0; at < len(plain); {
		found := yours.FindStringIndex(plain[at:])
		if found == nil {
			b.WriteString(regexp.QuoteMeta(plain[at:]))
			break
		}
		b.WriteString(regexp.QuoteMeta(plain[at:at+found[0]]) + ".+")
		at += found[1]
	}
	return regexp.MustCompile(b.String() + "$")
}

func (want told) in(r report) bool {
	return slices.ContainsFunc(r.Checks, func(c struct{ Status, Name, Seen, Remedy string }) bool {
		remedy := strings.ReplaceAll(c.Remedy, "`", "")
		// IDLE tells the remedy's reason in the same breath.
		return c.Status == want.status && pattern(want.name).MatchString(c.Name) && pattern(want.remedy).MatchString(remedy)
	})
}

// Every row of the table in docs/operations.md is really set up, and the doctor says what the row says; every
// set-up has its row.
func TestDoctorSaysWhatTheDocsSay(t *testing.T) {
	t.Parallel()
	rows := toldInDocs(t)
	if len(rows) < 50 {
		t.Fatalf("docs/operations.md tells %d things that may be wrong", len(rows))
	}
	tried := map[string]bool{}
	for _, c := range wrongSetUps {
		for _, wrong := range c.wrong {
			if _, ok := rows[wrong]; !ok {
				t.Errorf("docs/operations.md has no row for: %s", wrong)
			}
			tried[wrong] = true
		}
		t.Run(c.wrong[0], func(t *testing.T) {
			t.Parallel()
			settings, args := c.setUp(t)
			r := examine(t, settings, args...)
			for _, wrong := range c.wrong {
				if row := rows[wrong]; !row.in(r) {
					t.Errorf("%s: no line like %q in\n%s", wrong, row, r)
				}
			}
		})
	}
	for wrong := range rows {
		if !tried[wrong] {
			t.Errorf("nobody has tried: %s", wrong)
		}
	}
}

func (r report) String() string {
	var b strings.Builder
	for _, c := range r.Checks {
		b.WriteString(c.Status + "  " + c.Name + ": " + c.Seen + " -> " + c.Remedy + "\n")
	}
	return b.String()
}
