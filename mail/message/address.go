package message

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// ErrAddress says that a text is not one email address.
var ErrAddress = errors.New("not an email address")

// More than any mail system takes (RFC 5321 section 4.5.3.1 says 64 and 255);
// generated local parts are often longer than 64.
const (
	maxLocal  = 256
	maxDomain = 255
)

// NormalizeAddress gives the form in which addresses are compared and stored:
// trimmed, NFC, lower-case, quotes only where they are needed, the domain in
// ASCII. False if s is no bare address; ParseAddress takes a name off.
func NormalizeAddress(s string) (string, bool) {
	s = norm.NFC.String(strings.TrimSpace(s))
	if len(s) > maxLocal+maxDomain || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || isInvisible(r) || r == unicode.ReplacementChar }) {
		return "", false
	}
	at := strings.LastIndexByte(s, '@')
	if at <= 0 {
		return "", false
	}
	local, ok := normalizeLocal(s[:at])
	if !ok {
		return "", false
	}
	domain, ok := normalizeDomain(s[at+1:])
	if !ok {
		return "", false
	}
	return norm.NFC.String(strings.ToLower(local)) + "@" + domain, true
}

// normalizeLocal reads dot-atom or quoted-string (RFC 5322 section 3.4.1), and dots anywhere: carriers in Japan gave
// out "a..b" and "a.", and their customers write from there.
func normalizeLocal(s string) (string, bool) {
	if len(s) > maxLocal {
		return "", false
	}
	if !strings.HasPrefix(s, `"`) {
		return s, isLocal(s)
	}
	if len(s) < 3 || !strings.HasSuffix(s, `"`) {
		return "", false
	}
	var b strings.Builder
	escaped := false
	for _, r := range s[1 : len(s)-1] {
		switch {
		case escaped:
			escaped = false
			b.WriteRune(r)
		case r == '\\':
			escaped = true
		case r == '"':
			return "", false
		default:
			b.WriteRune(r)
		}
	}
	if escaped {
		return "", false
	}
	// RFC 5322 section 3.2.4: the quotes are no part of the value.
	if isLocal(b.String()) {
		return b.String(), true
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(b.String()) + `"`, true
}

// isLocal allows dots at either end and side by side, unlike isDotAtom.
func isLocal(s string) bool {
	return strings.Trim(s, ".") != "" && !strings.ContainsFunc(s, func(r rune) bool { return r != '.' && !isAtext(r) })
}

// isDotAtom also allows UTF-8 (RFC 6532 section 3.2).
func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtext(r) }) {
			return false
		}
	}
	return true
}

func isAtext(r rune) bool {
	switch {
	case r >= 0x80:
		return !unicode.IsSpace(r)
	case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return true
	}
	return strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

func normalizeDomain(s string) (string, bool) {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		literal := strings.ToLower(s[1 : len(s)-1])
		ip, err := netip.ParseAddr(strings.TrimPrefix(literal, "ipv6:"))
		return "[" + literal + "]", err == nil && ip.Zone() == ""
	}
	if s == "" || !isDotAtom(s) {
		return "", false
	}
	s = strings.ToLower(s)
	if isASCII([]byte(s)) && !strings.Contains(s, "xn--") {
		return s, len(s) <= maxDomain
	}
	ascii, err := idna.Lookup.ToASCII(s)
	return ascii, err == nil && isDotAtom(ascii) && len(ascii) <= maxDomain
}

// ParseAddress reads one mailbox, with or without a display name or a comment.
// It fails with ErrAddress if s is not exactly one.
func ParseAddress(s string) (Address, error) {
	items, balanced := splitAddresses(s)
	if !balanced || len(items) != 1 {
		return Address{}, fmt.Errorf("%w: not exactly one mailbox", ErrAddress)
	}
	a, rest := parseMailbox(items[0])
	if rest != "" {
		return Address{}, fmt.Errorf("%w: text after the address", ErrAddress)
	}
	if strings.ContainsAny(a.Name, "<>@") && !strings.Contains(s, "<") {
		return Address{}, fmt.Errorf("%w: not exactly one mailbox", ErrAddress)
	}
	if _, ok := NormalizeAddress(a.Address); !ok {
		return Address{}, ErrAddress
	}
	return a, nil
}

// SplitTag takes the plus-address tag off an address: "support+t-abc@x" gives
// "support@x" and "t-abc". The tag is lower-case, and "" when there is none.
func SplitTag(address string) (mailbox, tag string) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address, ""
	}
	// The last plus: the mailbox's own address may have one.
	plus := strings.LastIndexByte(address[:at], '+')
	if plus <= 0 {
		return address, ""
	}
	return address[:plus] + address[at:], strings.ToLower(address[plus+1 : at])
}
