package letter

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxAddressLength in bytes: local part, @ and domain (RFC 5321 section
// 4.5.3.1), with room for the long local parts that gateways make.
const maxAddressLength = 320

// WireAddress returns a bare address as header and envelope must spell it: the
// domain in ASCII, the local part quoted where its characters need it. A local
// part outside ASCII stays as it is and needs SMTPUTF8 (RFC 6531). What cannot
// be an address is ErrAddress.
func WireAddress(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || len(address) > maxAddressLength || !utf8.ValidString(address) || hasControl(address) {
		return "", ErrAddress
	}
	domain, err := wireDomain(address[at+1:])
	if err != nil {
		return "", err
	}
	local, err := wireLocal(address[:at])
	if err != nil {
		return "", err
	}
	return local + "@" + domain, nil
}

// wireLocal accepts both spellings of an odd local part, quoted and bare.
func wireLocal(local string) (string, error) {
	if isDotAtom(local) {
		return local, nil
	}
	if len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"' {
		var ok bool
		if local, ok = unquote(local[1 : len(local)-1]); !ok || local == "" {
			return "", ErrAddress
		}
	}
	return quote(local), nil
}

func wireDomain(domain string) (string, error) {
	if literal, ok := strings.CutPrefix(domain, "["); ok {
		literal, closed := strings.CutSuffix(literal, "]")
		// RFC 5321 section 4.1.3: IPv6 carries a tag, IPv4 does not.
		v6, tagged := strings.CutPrefix(literal, "IPv6:")
		ip, err := netip.ParseAddr(v6)
		if err != nil || !closed || ip.Is6() != tagged || ip.Zone() != "" {
			return "", ErrAddress
		}
		return domain, nil
	}
	if !isASCII(domain) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", fmt.Errorf("%w: domain outside the international names", ErrAddress)
		}
		domain = ascii
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, domainBytes) != "" {
			return "", ErrAddress
		}
	}
	return domain, nil
}

// domainBytes has the underscore because names in use have it.
const domainBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// isDotAtom follows RFC 5322 section 3.2.3 as widened by RFC 6532.
func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if !isAtext(atom[i]) && atom[i] < utf8.RuneSelf {
				return false
			}
		}
	}
	return true
}

func isAtext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// unquote resolves the backslashes of a quoted string's inside.
func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return "", false
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), true
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// mailboxWords spells name and address as words between which a header line
// may be folded.
func mailboxWords(a Address) ([]string, error) {
	address, err := WireAddress(a.Address)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(strings.ToValidUTF8(a.Name, "\uFFFD"))
	switch {
	case name == "":
		return []string{address}, nil
	case needsEncoding(name) || len(name) > maxWord:
		return append(encodedWords(name), "<"+address+">"), nil
	}
	return []string{quote(name), "<" + address + ">"}, nil
}

// mailboxListWords is mailboxWords for several, with commas between.
func mailboxListWords(list []Address) ([]string, error) {
	var words []string
	for i, a := range list {
		more, err := mailboxWords(a)
		if err != nil {
			return nil, err
		}
		if i < len(list)-1 {
			more[len(more)-1] += ","
		}
		words = append(words, more...)
	}
	return words, nil
}
