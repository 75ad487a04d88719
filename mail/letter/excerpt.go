package letter

import (
	"strings"
	"unicode"
)

// excerpt bounds: enough to recognise a message, too little to bother.
const (
	excerptLines = 10
	excerptBytes = 800
)

// excerpt is the beginning of a foreign text, with a mark where it was cut.
// Runs of empty lines become one.
func excerpt(text string) string {
	kept, empty, cut := []string{}, true, false
	room := excerptBytes
	for line := range strings.SplitSeq(strings.TrimSpace(printable(text)), "\n") {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if line == "" && empty {
			continue
		}
		if len(kept) == excerptLines || room == 0 {
			cut = true
			break
		}
		if len(line) > room {
			line, cut = cutBytes(line, room)+"…", true
			room = 0
		} else {
			room -= len(line)
		}
		empty = line == ""
		kept = append(kept, line)
	}
	short := strings.TrimSpace(strings.Join(kept, "\n"))
	if cut && short != "" {
		short += "\n[...]"
	}
	return short
}

// printable drops the control characters of a text but keeps its lines.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.TrimSuffix(plainLines(text), "\n"))
}

// quoteLines marks every line as quoted.
func quoteLines(text string) string {
	if text == "" {
		return ""
	}
	return "> " + strings.ReplaceAll(text, "\n", "\n> ")
}
