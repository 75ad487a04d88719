package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDecisionsAreWhole: every page has a number of its own, stands in the index, and says what was
// chosen, why, and what would change it.
func TestDecisionsAreWhole(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(filepath.Join(root(t), "docs", "adr"))
	if err != nil {
		t.Fatal(err)
	}
	index := read(t, "docs", "adr", "README.md")
	named := regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)
	last := ""
	for _, entry := range entries {
		if entry.Name() == "README.md" {
			continue
		}
		parts := named.FindStringSubmatch(entry.Name())
		if parts == nil || parts[1] <= last {
			t.Fatalf("%s should be called NNNN-some-words.md, with the number after the last one's", entry.Name())
		}
		number := parts[1]
		last = number
		page := read(t, "docs", "adr", entry.Name())
		for _, want := range []string{"# " + number + " ", "\n**Chosen:** ", "\n**Why:** ", "\n**What would change our mind:** "} {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %q", entry.Name(), strings.TrimSpace(want))
			}
		}
		if !strings.Contains(index, "["+number+"]("+entry.Name()+")") {
			t.Errorf("docs/adr/README.md does not list %s", entry.Name())
		}
	}
	if last == "" {
		t.Error("docs/adr holds no decision")
	}
}
