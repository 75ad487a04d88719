package message

import (
	"strings"
)

// No email is answered to more people than this.
const maxAddresses = 1000

// parseAddresses reads the raw value of From, To, Cc and the like. It is
// lenient: what is no address but has a name is kept as a name.
func parseAddresses(raw string) []Address {
	if !strings.Contains(raw, "@") && strings.Contains(raw, "=?") {
		// Some writers encode the address together with the name, against RFC 2047 section 5.
		raw = decodeWords(raw)
	}
	items, balanced := splitAddresses(raw)
	if !balanced {
		items = strings.FieldsFunc(strings.ReplaceAll(raw, `"`, ""), func(r rune) bool { return r == ',' || r == ';' })
	}
	var out []Address
	for _, item := range items[:min(len(items), maxAddresses)] {
		a, _ := parseMailbox(item)
		if a != (Address{}) {
			out = append(out, a)
		}
	}
	return out
}

// splitAddresses cuts a list at its commas and semicolons (RFC 5322 section
// 3.4), group names left out. Not balanced: a quote, comment or angle is open.
func splitAddresses(s string) (items []string, balanced bool) {
	start, depth := 0, 0
	quoted, angle := false, false
	add := func(end int) {
		if item := strings.TrimSpace(s[start:end]); item != "" {
			items = append(items, item)
		}
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && (quoted || depth > 0):
			i++
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case angle:
		case c == ',' || c == ';':
			add(i)
			start = i + 1
		case c == ':' && !strings.Contains(s[start:i], "@"):
			start = i + 1
		}
	}
	add(len(s))
	return items, !quoted && depth == 0 && !angle
}

// parseMailbox reads one item of a list; rest is what stands behind the address.
func parseMailbox(item string) (a Address, rest string) {
	item, comment := cutComments(item)
	open := unquotedIndex(item, '<')
	if open < 0 {
		return bareMailbox(strings.TrimSpace(item), comment), ""
	}
	inner := item[open+1:]
	if end := unquotedIndex(inner, '>'); end >= 0 {
		inner, rest = inner[:end], strings.TrimSpace(inner[end+1:])
	}
	name := displayName(item[:open])
	if name == "" {
		name = displayName(rest)
	}
	if name == "" {
		name = CleanLine(decodeWords(comment))
	}
	inner = strings.TrimPrefix(strings.TrimSpace(inner), "mailto:")
	// RFC 5322 section 4.4: an obsolete route before the address is ignored.
	if strings.HasPrefix(inner, "@") {
		if _, after, ok := strings.Cut(inner, ":"); ok {
			inner = after
		}
	}
	return Address{Name: name, Address: cleanAddress(inner)}, rest
}

// bareMailbox reads an address without angles, which a name may precede.
func bareMailbox(s, comment string) Address {
	if !strings.Contains(s, "@") {
		return Address{Name: displayName(s)}
	}
	name := CleanLine(decodeWords(comment))
	if i := strings.LastIndexAny(s, " \t"); i > 0 && !strings.HasPrefix(s, `"`) {
		before, last := strings.TrimSpace(s[:i]), s[i+1:]
		if !strings.Contains(before, "@") && strings.Index(last, "@") > 0 && !strings.HasPrefix(last, ".") && !strings.HasSuffix(before, ".") {
			return Address{Name: displayName(before), Address: cleanAddress(last)}
		}
	}
	return Address{Name: name, Address: cleanAddress(s)}
}

// displayName reads a phrase (RFC 5322 section 3.2.5): words, quoted or not.
func displayName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] != '"':
			b.WriteByte(s[i])
		}
	}
	return strings.Trim(CleanLine(decodeWords(b.String())), "' ")
}

// cleanAddress keeps an address as written, without what no address can hold.
func cleanAddress(s string) string {
	s = strings.TrimSpace(CleanText(literal(s)))
	if !strings.HasPrefix(s, `"`) {
		s = strings.Join(strings.Fields(s), "") // obsolete syntax allows spaces (RFC 5322 section 4.4)
	}
	return s
}

// cutComments takes the comments in parentheses out (RFC 5322 section 3.2.2)
// and gives the text of the last.
func cutComments(s string) (rest, comment string) {
	if !strings.Contains(s, "(") {
		return s, ""
	}
	var out, last strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"' && depth == 0:
			quoted = !quoted
			out.WriteByte(c)
		case c == '(' && !quoted:
			if depth++; depth == 1 {
				last.Reset()
			}
		case c == ')' && !quoted && depth > 0:
			depth--
		case depth > 0:
			last.WriteByte(c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), last.String()
}

func unquotedIndex(s string, want byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == want && !quoted:
			return i
		}
	}
	return -1
}
