package letter

import (
	"encoding/hex"
	"strings"

	"golang.org/x/net/idna"
)

// maxIDLength keeps an identifier with its brackets far below the 998 bytes
// that a header line may have (RFC 5322 section 2.1.1).
const maxIDLength = 900

// NewMessageID returns an identifier without angle brackets: 16 random bytes in
// the shape of a UUID, which spam filters know from common mail programs, at
// the domain that the letter is sent from. A domain that cannot stand in an
// identifier makes Compose refuse it.
func NewMessageID(random [16]byte, domain string) string {
	x := hex.EncodeToString(random[:])
	left := strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:]}, "-")
	domain = strings.ToLower(domain)
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	return left + "@" + domain
}

// usableID tells whether an identifier can be written between angle brackets.
// It is wider than msg-id in RFC 5322 section 3.6.4, because replies must name
// whatever identifier the client's program made up.
func usableID(id string) bool {
	at := strings.IndexByte(id, '@')
	if at < 1 || at == len(id)-1 || len(id) > maxIDLength {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '<' || c == '>' {
			return false
		}
	}
	return true
}
