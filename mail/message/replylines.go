package message

import (
	"strings"
)

const (
	maxIntroLines  = 6
	maxIntroLength = 400
	maxSignature   = 30 // lines below a signature mark
	maxClosing     = 6  // lines below a closing
)

func isQuoted(line string) bool {
	return strings.HasPrefix(strings.TrimLeft(line, " \t"), ">")
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

// splitSharedLine finds an introduction behind text on one line.
func splitSharedLine(line string) (before, intro string, ok bool) {
	if len(line) > maxIntroLength || !strings.HasSuffix(line, "wrote:") {
		return "", "", false
	}
	m := sharedLine.FindStringSubmatch(line)
	if m == nil || strings.TrimSpace(strings.Trim(m[1], "-")) == "" {
		return "", "", false
	}
	return strings.TrimRight(m[1], " -"), m[2], true
}

// introLength is how many of these lines introduce a quote; 0 if none does.
func introLength(lines []string) int {
	if strings.TrimSpace(lines[0]) == "" || isQuoted(lines[0]) {
		return 0
	}
	joined := ""
	for n := range min(maxIntroLines, len(lines)) {
		line := strings.Trim(strings.TrimSpace(lines[n]), "*_ ")
		if line == "" || n > 0 && isQuoted(lines[n]) && !strings.HasPrefix(strings.TrimSpace(lines[n]), ">:") && !strings.HasPrefix(strings.TrimSpace(lines[n]), "> wrote") {
			if line == "" && n > 0 && n <= 2 && introStart.MatchString(joined) && hasClock.MatchString(joined) {
				continue
			}
			return 0
		}
		joined = strings.TrimSpace(joined + " " + line)
		if len(joined) > maxIntroLength {
			return 0
		}
		if isIntro(joined, n > 0) {
			return n + 1
		}
	}
	return 0
}

// isIntro tells an introduction by its parts: a date, a name or address, and a
// verb or colon at the end.
func isIntro(s string, wrapped bool) bool {
	if dashedIntro.MatchString(s) || gmtIntro.MatchString(s) || dateAddressIntro.MatchString(s) {
		return true
	}
	s = strings.TrimSpace(strings.Trim(s, "-"))
	address := hasAddress.MatchString(s)
	starts := introStart.MatchString(s) || dateStart.MatchString(s)
	dated := hasDigit.MatchString(s)
	switch {
	case introLast.MatchString(s):
		colon := strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：")
		return starts && dated && (colon || hasClock.MatchString(s)) || address && colon
	case introMiddle.MatchString(s):
		return (address || hasClock.MatchString(s)) && dated
	case strings.HasSuffix(s, ":") || strings.HasSuffix(s, "："):
		// Without a verb: a date with a time, then an address.
		return dateStart.MatchString(s) && hasClock.MatchString(s) && address
	}
	return false
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

func fieldKind(line string) string {
	if len(line) > 1000 || !strings.ContainsAny(line, ":：") {
		return ""
	}
	for _, f := range fieldNames {
		if f.line.MatchString(line) {
			return f.kind
		}
	}
	return ""
}

// splitSignature takes the signature off the end of a run of text: below its
// mark (RFC 3676 section 4.3), what a telephone adds, a name below a closing.
// below says that something stands above the run.
func splitSignature(lines []string, below bool) (text, signature []string) {
	text = lines
	for i, line := range lines {
		if signatureLine.MatchString(line) && (below || !isEmpty(lines[:i])) && len(lines)-i <= maxSignature {
			text, signature = lines[:i], lines[i:]
			break
		}
	}
	for {
		n := len(trimDelimiters(text))
		if n < 2 || !mobileSignature.MatchString(strings.TrimSpace(text[n-1])) {
			break
		}
		signature = append(append([]string(nil), text[n-1:]...), signature...)
		text = text[:n-1]
	}
	if i := closingIndex(text); i > 0 {
		signature = append(append([]string(nil), text[i:]...), signature...)
		text = text[:i]
	}
	return text, signature
}

// closingIndex finds a closing with a name below it.
func closingIndex(lines []string) int {
	below := 0
	for i := len(lines) - 1; i > 0 && below <= maxClosing; i-- {
		line := strings.TrimSpace(lines[i])
		switch {
		case closingLine.MatchString(line):
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
