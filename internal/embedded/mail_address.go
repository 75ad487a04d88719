package embedded

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMailAddress is well above RFC 5321 4.5.3.1 (64 and 255 octets).
const maxMailAddress = 1000

// mailboxOf names the mailbox of an address: the part before "+" in the local
// part, without regard to case. An address without a domain belongs to domain.
func mailboxOf(address, domain string) string {
	local, host := splitAddress(address)
	if host == "" {
		host = domain
	}
	// RFC 5233 1: the local part up to the separator is the user.
	if i := strings.IndexByte(local, '+'); i > 0 {
		local = local[:i]
	}
	return strings.ToLower(local + "@" + host)
}

// splitAddress splits at the last "@": a quoted local part may hold others.
func splitAddress(address string) (local, domain string) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, ""
	}
	return address[:i], address[i+1:]
}

// cleanAddress says whether an address can stand in a header: a bare CR or a
// NUL would forge lines there for some readers.
func cleanAddress(address string) bool {
	return len(address) <= maxMailAddress && utf8.ValidString(address) &&
		!strings.ContainsFunc(address, unicode.IsControl)
}

// bracketed writes an address with angle brackets, its local part quoted where
// RFC 5322 3.4.1 wants that.
func bracketed(address string) string {
	if address == "" {
		return "<>" // RFC 5321 4.5.5: a bounce
	}
	return (&mail.Address{Address: address}).String()
}
