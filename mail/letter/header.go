package letter

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	foldAt  = 76 // RFC 2047 section 2: longest line that holds an encoded word
	maxWord = 60 // longest word we make, so that it fits beside a field name
)

// header writes fields that are folded and contain no line ends of their own.
type header struct{ bytes.Buffer }

// field writes words with single spaces between them, folded where a line
// would get too long (RFC 5322 section 2.2.3).
func (h *header) field(name string, words ...string) {
	h.WriteString(name + ":")
	col := len(name) + 1
	for i, w := range words {
		// The first word stays beside the name: some servers take a first line
		// without content for the end of the field.
		if i > 0 && col+1+len(w) > foldAt {
			h.WriteString("\r\n")
			col = 0
		}
		h.WriteString(" " + w)
		col += 1 + len(w)
	}
	h.WriteString("\r\n")
}

// textWords spells free text (a subject) as words.
func textWords(s string) []string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if needsEncoding(s) {
		return encodedWords(s)
	}
	words := strings.Split(s, " ")
	for _, w := range words {
		// Folding needs a space; runs of spaces would not survive it.
		if w == "" && len(words) > 1 || len(w) > maxWord {
			return encodedWords(s)
		}
	}
	return words
}

// needsEncoding: other than printable ASCII, or text that would be mistaken for
// an encoded word.
func needsEncoding(s string) bool {
	return strings.Contains(s, "=?") || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// encodedWords spells text as RFC 2047 wants it, cut between characters. The Q
// form serves text that is mostly ASCII, the B form the rest.
func encodedWords(s string) []string {
	wide := 0
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			wide++
		}
	}
	encode := encodeQ
	if wide*3 > len(s) {
		encode = encodeB
	}
	var words []string
	start := 0
	for i, r := range s {
		if end := i + utf8.RuneLen(r); i > start && len(encode(s[start:end])) > maxWord {
			words = append(words, encode(s[start:i]))
			start = i
		}
	}
	return append(words, encode(s[start:]))
}

func encodeB(s string) string {
	return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
}

// encodeQ escapes all that RFC 2047 section 5(3) forbids in a phrase, so that
// one spelling serves names and subjects.
func encodeQ(s string) string {
	var b strings.Builder
	b.WriteString("=?utf-8?q?")
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			b.WriteByte('_')
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("!*+-/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	b.WriteString("?=")
	return b.String()
}
