package limit

import (
	_ "embed"
	"strings"
)

//go:embed freemail.txt
var freemailText string

var freemail = readDomains(freemailText)

func readDomains(text string) map[string]bool {
	domains := map[string]bool{}
	for line := range strings.Lines(text) {
		if domain := strings.TrimSpace(line); domain != "" && !strings.HasPrefix(domain, "#") {
			domains[domain] = true
		}
	}
	return domains
}

// Freemail reports whether everybody can get an address at this domain, in lower-case ASCII: a limit for the whole
// of it would let one sender, who need not even exist, shut out all others.
func Freemail(domain string) bool { return freemail[domain] }
