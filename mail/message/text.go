package message

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// CleanText makes s safe to store and to show: valid UTF-8, no NUL, and no
// control characters but line feed and tab. CRLF and lone CR become line feeds.
func CleanText(s string) string {
	at := 0
	for at < len(s) && isPlain[s[at]] {
		at++
	}
	if at == len(s) || utf8.ValidString(s[at:]) && !strings.ContainsFunc(s[at:], unwanted) {
		return s
	}
	return cleanBytes([]byte(s))
}

// isPlain tells the bytes that stay as they are, whatever stands beside them.
var isPlain = func() (plain [256]bool) {
	for c := range utf8.RuneSelf {
		plain[c] = !unwanted(rune(c))
	}
	return plain
}()

// cleanBytes is CleanText of bytes, which it overwrites: the result is no longer
// but for bytes that are no UTF-8.
func cleanBytes(b []byte) string {
	if !utf8.Valid(b) {
		b = bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	out := b[:0]
	for i := 0; i < len(b); {
		from := i
		for i < len(b) && isPlain[b[i]] {
			i++
		}
		if out = append(out, b[from:i]...); i == len(b) {
			break
		}
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == '\r':
			if i+1 == len(b) || b[i+1] != '\n' {
				out = append(out, '\n')
			}
		case !unwanted(r):
			out = append(out, b[i:i+n]...)
		}
		i += n
	}
	return string(out)
}

func unwanted(r rune) bool {
	return r < 0x20 && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0
}

// CleanLine is s as one clean line: white space of any kind is one space, and nothing turns the direction of what
// follows (Unicode Standard Annex 9 section 2), so that a subject or a name reads as it is stored.
func CleanLine(s string) string {
	if isOneLine(s) {
		return s
	}
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if turnsDirection(r) {
			return -1
		}
		return r
	}, CleanText(s))), " ")
}

func turnsDirection(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }

// isOneLine is a quick look: printable ASCII with single spaces inside.
func isOneLine(s string) bool {
	space := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ' ' && space {
			return false
		}
		space = s[i] == ' '
	}
	return s == "" || !space
}

// trimBlankLines takes white space off the end of each line and empty lines
// off both ends.
func trimBlankLines(s string) string {
	s = strings.Trim(s, "\n")
	at := 0 // the begin of the first line that white space ends
	for {
		line, _, more := strings.Cut(s[at:], "\n")
		if trimLineEnd(line) != len(line) {
			break
		}
		if !more {
			return s
		}
		at += len(line) + 1
	}
	out := append(make([]byte, 0, len(s)), s[:at]...)
	for line := range strings.SplitSeq(s[at:], "\n") {
		out = append(append(out, line[:trimLineEnd(line)]...), '\n')
	}
	return string(bytes.Trim(out, "\n"))
}

// trimLineEnd is the length of a line without the white space at its end.
func trimLineEnd(line string) int {
	n := len(line)
	for n > 0 {
		switch c := line[n-1]; {
		case c == ' ' || c == '\t' || c == '\r':
			n--
		case c == 0xa0 && n > 1 && line[n-2] == 0xc2: // a no-break space
			n -= 2
		default:
			return n
		}
	}
	return 0
}

// unflow joins the lines of format=flowed (RFC 3676 section 4.2).
func unflow(text string, delSp bool) string {
	var out strings.Builder
	open, openDepth := false, 0
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		rest := strings.TrimLeft(line, ">")
		depth := len(line) - len(rest)
		rest = strings.TrimPrefix(rest, " ") // section 4.4: space-stuffing
		signature := rest == "-- "           // section 4.3: never flowed
		if open && (depth != openDepth || signature) {
			out.WriteByte('\n')
			open = false
		}
		if !open && depth > 0 {
			out.WriteString(strings.Repeat(">", depth) + " ")
		}
		open, openDepth = strings.HasSuffix(rest, " ") && !signature, depth
		if open && delSp {
			rest = strings.TrimSuffix(rest, " ")
		}
		out.WriteString(rest)
		if !open {
			out.WriteByte('\n')
		}
	}
	return out.String()
}
