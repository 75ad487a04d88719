package limit

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/idna"
)

// Tried: the best known providers, their look-alikes and companies; and each line of the list by itself.
func TestFreemailKnowsProvidersAndNoCompanies(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]bool{
		"gmail.com": true, "outlook.com": true, "gmx.de": true, "yahoo.co.uk": true, "proton.me": true, "qq.com": true, "icloud.com": true,
		"": false, "com": false, "mail.gmail.com": false, "gmail.com.example": false, "acme.example": false, "microsoft.com": false, "#": false,
	} {
		if got := Freemail(domain); got != want {
			t.Errorf("%q: %t", domain, got)
		}
	}
	var lines []string
	for line := range strings.Lines(freemailText) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "#") {
			continue
		}
		lines = append(lines, line)
		if ascii, err := idna.Lookup.ToASCII(line); err != nil || ascii != line || !strings.Contains(line, ".") {
			t.Errorf("%q is not a domain as addresses are compared: %v", line, err)
		}
	}
	if !slices.IsSorted(lines) || len(lines) != len(freemail) || len(lines) < 100 {
		t.Errorf("%d lines, %d domains: keep them sorted and each once", len(lines), len(freemail))
	}
}
