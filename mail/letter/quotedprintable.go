package letter

import (
	"bufio"
	"io"
	"strings"
)

// qpLine is the longest line without its soft break (RFC 2045 section 6.7).
const qpLine = 75

const upperHex = "0123456789ABCDEF"

// writeQuotedPrintable encodes text so that no relay has a reason to touch it:
// beyond what mime/quotedprintable does, a line never starts with a dot or with
// "From ", which mail stores and careless relays change.
func writeQuotedPrintable(w io.Writer, text string) error {
	b := bufio.NewWriter(w)
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		writeQuotedPrintableLine(b, line)
	}
	return b.Flush()
}

// writeQuotedPrintableLine leaves errors to the writer's Flush.
func writeQuotedPrintableLine(b *bufio.Writer, line string) {
	col := 0
	for i := range len(line) {
		if col > 0 && col+qpWidth(line, i, col) > qpLine {
			b.WriteString("=\r\n")
			col = 0
		}
		if qpWidth(line, i, col) == 1 {
			b.WriteByte(line[i])
			col++
			continue
		}
		b.WriteByte('=')
		b.WriteByte(upperHex[line[i]>>4])
		b.WriteByte(upperHex[line[i]&15])
		col += 3
	}
	b.WriteString("\r\n")
}

// qpWidth is 1 for a byte that may stand for itself at this column, else 3.
func qpWidth(line string, i, col int) int {
	switch c := line[i]; {
	case c == ' ' || c == '\t':
		if i < len(line)-1 {
			return 1
		}
	case c < ' ' || c > '~' || c == '=':
	case col == 0 && (c == '.' || strings.HasPrefix(line[i:], "From ")):
	default:
		return 1
	}
	return 3
}

// plainLines gives text with LF line ends and one at its end, as valid UTF-8.
func plainLines(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}
