package message

import (
	"slices"
	"strings"
)

const (
	maxSignature    = 30 // lines below a signature mark
	maxClosing      = 6  // lines below a closing
	maxTries        = 10_000
	maxMobile       = 3   // signatures that programs add
	maxClosingBytes = 200 // no closing is longer
)

// What \s stands for in an expression.
const asciiSpace = "\t\n\f\r "

func isQuoted(line string) bool {
	for i := range len(line) {
		if line[i] != ' ' && line[i] != '\t' {
			return line[i] == '>'
		}
	}
	return false
}

// quoteEnd is the end of the quote that begins at line i. A single line that
// lost its mark when it was wrapped belongs to it.
func quoteEnd(lines []string, i int) int {
	end := i
	for j := i; j < len(lines); j++ {
		switch {
		case isQuoted(lines[j]):
			end = j + 1
		case strings.TrimSpace(lines[j]) == "":
		case j == end && j+1 < len(lines) && isQuoted(lines[j+1]) && len(lines[j-1]) > 30 && !strings.Contains(strings.TrimSpace(lines[j]), " "):
		default:
			return end
		}
	}
	return end
}

// isFieldBlock tells the fields that Outlook copies above a quoted email.
func isFieldBlock(lines []string) bool {
	first := fieldKind(lines[0])
	if first == "" || first == "other" {
		return false
	}
	seen := map[string]bool{}
	address := false
	for i, line := range lines[:min(len(lines), 9)] {
		trimmed := strings.TrimSpace(line)
		kind := fieldKind(line)
		if kind == "" && (trimmed == "" && i > 0 || i > 0 && strings.ContainsAny(trimmed, "<>@;")) {
			if trimmed == "" && len(seen) > 2 {
				break
			}
			continue
		}
		if kind == "" {
			break
		}
		seen[kind] = true
		address = address || kind == "from" && (strings.Contains(line, "@") || i+1 < len(lines) && strings.Contains(lines[i+1], "@"))
	}
	if !seen["from"] {
		return false
	}
	// People write "From: Paris" too; a subject or an address tells.
	return seen["subject"] && (seen["date"] || seen["to"]) || address && (seen["date"] || seen["to"])
}

// fieldKind is the kind of field that a line is, "" if it is none.
func fieldKind(line string) string {
	if line != "" && strings.IndexByte(" \t>*|\xc2", line[0]) >= 0 {
		line = strings.TrimLeft(line, " \t>*|\u00a0")
	}
	head := line[:min(len(line), 60)]
	end := strings.IndexByte(head, ':')
	if wide := strings.Index(head, "："); wide >= 0 && (end < 0 || wide < end) {
		end = wide
	}
	if end <= 0 {
		return ""
	}
	return fieldKinds[strings.ToLower(strings.Trim(line[:end], " \t*\u00a0"))]
}

// splitSignature takes the signature off the end of a run of text: below its
// mark (RFC 3676 section 4.3), what a telephone adds, a name below a closing.
// below says that something stands above the run.
func splitSignature(lines []string, below bool) (text, signature []string) {
	text = lines
	for i := max(0, len(lines)-maxSignature); i < len(lines); i++ {
		if isSignatureMark(lines[i:]) && (below || !isEmpty(lines[:i])) {
			text, signature = lines[:i], lines[i:]
			break
		}
	}
	for range maxMobile {
		text = trimDelimiters(text)
		n := len(text) - 1
		if n < 1 || !isMobileSignature(strings.TrimSpace(text[n])) {
			break
		}
		signature = append([]string{text[n]}, signature...)
		text = text[:n]
	}
	if i := closingIndex(text); i > 0 {
		signature = append(append([]string(nil), text[i:]...), signature...)
		text = text[:i]
	}
	return text, signature
}

// isSignatureMark tells the mark above a signature, or the rule above the few
// lines that a mailing list adds.
func isSignatureMark(lines []string) bool {
	if isSignatureLine(lines[0]) {
		return true
	}
	rule := strings.TrimSpace(lines[0])
	return len(rule) >= 10 && strings.Trim(rule, "_") == "" && len(lines) > 1 && len(lines) <= maxClosing+1
}

// isSignatureLine tells the mark itself.
func isSignatureLine(line string) bool {
	line = strings.TrimRight(line, asciiSpace)
	if line != "" && strings.IndexByte(asciiSpace, line[0]) >= 0 {
		line = line[1:]
	}
	switch line {
	case "--", "---", "—", "––", "__", "___", "____", "_____", "**":
		return true
	}
	return false
}

func isMobileSignature(line string) bool {
	folded := fold(line)
	for range mobileStarts.prefixes(strings.TrimLeft(folded, "-–—_"+asciiSpace)) {
		return mobileSignature.MatchString(line)
	}
	held := func(part string) bool { return strings.Contains(folded, part) }
	return slices.ContainsFunc(mobileParts, held) && mobileSignature.MatchString(line)
}

func isClosing(line string) bool {
	if n := len(line); n > 0 && strings.IndexByte(",.!", line[n-1]) >= 0 {
		line = line[:n-1]
	}
	return len(line) <= maxClosingBytes && closings.has(fold(line))
}

// closingIndex finds a closing with a name below it.
func closingIndex(lines []string) int {
	below := 0
	for i := len(lines) - 1; i > 0 && below <= maxClosing; i-- {
		line := strings.TrimSpace(lines[i])
		switch {
		case isClosing(line):
			if below > 0 && !isEmpty(lines[:i]) {
				return i
			}
			return 0
		case len(line) > 80:
			return 0
		case line != "":
			below++
		}
	}
	return 0
}
