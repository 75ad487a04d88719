package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDecisionsAreWhole: every page is numbered without a gap, stands in the index, and says what was
// chosen, why, and what would change it.
func TestDecisionsAreWhole(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(filepath.Join(root(t), "docs", "adr"))
	if err != nil {
		t.Fatal(err)
	}
	index := read(t, "docs", "adr", "README.md")
	named := regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)
	last, number := 0, ""
	for _, entry := range entries {
		if entry.Name() == "README.md" {
			continue
		}
		parts := named.FindStringSubmatch(entry.Name())
		last++
		number = fmt.Sprintf("%04d", last)
		if parts == nil || parts[1] != number {
			t.Fatalf("%s should be called %s-some-words.md", entry.Name(), number)
		}
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
	if last == 0 {
		t.Error("docs/adr holds no decision")
	}
}
