package message

import "strings"

// CleanText makes s safe to store and to show: valid UTF-8, no NUL, and no
// control characters but line feed and tab. CRLF and lone CR become line feeds.
func CleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsFunc(s, unwanted) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case unwanted(r):
			return -1
		}
		return r
	}, s)
}

func unwanted(r rune) bool {
	return r < 0x20 && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0
}

// oneLine is s as one clean line: white space of any kind is one space.
func oneLine(s string) string {
	return strings.Join(strings.Fields(CleanText(s)), " ")
}

// trimBlankLines takes white space off the end of each line and empty lines
// off both ends.
func trimBlankLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\u00a0\r")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
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
