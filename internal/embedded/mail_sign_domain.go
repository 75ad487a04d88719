package embedded

import (
	"bufio"
	"io"
	"mime"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// maxSignedHeader and maxSignedFolds bound the header of what is signed, in
// bytes and folded lines: go-msgauth joins these one by one, in time that grows
// with their square (a folded field of 128 KiB may cost a verifier ten seconds).
const (
	maxSignedHeader = 128 << 10
	maxSignedFolds  = 1000
)

// maxSignedDomain leaves room in a name of 253 octets for the selector.
const maxSignedDomain = 253 - len(mailSelector+"._domainkey.")

// dnsDomain brings a domain into the form in which DNS knows it.
var dnsDomain = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// anyCharset reads display names of every charset: only the address counts.
var anyCharset = mail.AddressParser{WordDecoder: &mime.WordDecoder{
	CharsetReader: func(_ string, encoded io.Reader) (io.Reader, error) { return encoded, nil },
}}

// signingDomain is the domain of the From address, which is the one that DMARC
// looks at (RFC 7489 3.1), as DNS knows it. It is empty for an email to which a
// signature would give one meaning that it does not have: with no From or several
// authors, or with a header that readers understand in different ways.
func signingDomain(email io.Reader) string {
	from, ok := readFrom(email)
	if !ok {
		return ""
	}
	authors, err := anyCharset.ParseList(from)
	if err != nil || len(authors) != 1 {
		return ""
	}
	_, domain := splitAddress(authors[0].Address)
	domain, err = dnsDomain.ToASCII(domain)
	if err != nil || len(domain) > maxSignedDomain {
		return "" // also an address literal, which no DNS name belongs to
	}
	return domain
}

// readFrom returns the value of the From field. It refuses a header that is
// too large or has no end, a line that belongs to no field, and a second field
// of a name that is signed: readers differ in which of the two they show.
func readFrom(email io.Reader) (from string, ok bool) {
	in := bufio.NewReader(io.LimitReader(email, maxSignedHeader))
	seen, name, value, folds := map[string]bool{}, "", strings.Builder{}, 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", false
		}
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" {
			return value.String(), seen["from"]
		}
		if line[0] != ' ' && line[0] != '\t' {
			key, rest, found := strings.Cut(line, ":")
			name, line = strings.ToLower(strings.TrimRight(key, " \t")), rest
			if !found || !isFieldName(name) || seen[name] {
				return "", false
			}
			seen[name] = isSignedField(name)
		} else if folds++; name == "" || folds > maxSignedFolds {
			return "", false // without a name it would continue whatever is put above it
		}
		if name == "from" {
			value.WriteString(line)
		}
	}
}

// isFieldName is the rule of RFC 5322 3.6.8.
func isFieldName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' || r == ':' })
}
