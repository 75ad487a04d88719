package message

import (
	"strings"
	"unicode"
)

const (
	maxIntroLines  = 6
	maxIntroLength = 400
	maxSignature   = 30 // lines below a signature mark
	maxClosing     = 6  // lines below a closing
	maxTries       = 10_000
	maxMobile      = 3 // signatures that programs add
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
func (p *replyParser) introLength(lines []string) int {
	if strings.TrimSpace(lines[0]) == "" || isQuoted(lines[0]) {
		return 0
	}
	joined, dated := "", false
	for n := range min(maxIntroLines, len(lines)) {
		line := strings.Trim(strings.ReplaceAll(lines[n], "\u00a0", " "), "*_ \t")
		switch {
		case line == "" && n > 0 && n <= 2 && dated && hasClock.MatchString(joined):
			continue // some programs leave a line empty before the address
		case line == "", n > 0 && isQuoted(lines[n]) && !endsAddress(lines[n]), len(joined)+len(line) > maxIntroLength:
			return 0
		case n == 0:
			dated = startsDated(line)
		case !dated && startsDated(line):
			return 0 // the introduction begins here, not above
		}
		joined = strings.TrimSpace(joined + " " + line)
		if !mayBeIntro(joined, dated) {
			continue
		}
		if p.tries++; isIntro(joined) {
			return n + 1
		}
	}
	return 0
}

// endsAddress is the end of an introduction that was wrapped within its address: ">:" or "> wrote:".
func endsAddress(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, ">:") || strings.HasPrefix(line, "> wrote")
}

// mayBeIntro is a quick look before isIntro.
func mayBeIntro(s string, dated bool) bool {
	if !strings.ContainsAny(s, "0123456789@") {
		return strings.HasPrefix(s, "--") && !isDelimiter(s)
	}
	return dated || strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：") || strings.HasSuffix(s, "--") || strings.HasSuffix(s, ">")
}

// startsDated says that a line begins as "On 2 May" or "2026-05-02" do.
func startsDated(s string) bool {
	if len(s) > maxIntroLength || !strings.ContainsAny(s, "0123456789") {
		return false
	}
	if s[0] >= '0' && s[0] <= '9' {
		return dateStart.MatchString(s)
	}
	end := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	return end > 0 && introWords[strings.ToLower(s[:end])]
}

// isIntro tells an introduction by its parts: a date, a name or address, and a
// verb or colon at the end.
func isIntro(s string) bool {
	if dashedIntro.MatchString(s) || gmtIntro.MatchString(s) || dateAddressIntro.MatchString(s) {
		return true
	}
	s = strings.TrimSpace(strings.Trim(s, "-"))
	address := hasAddress.MatchString(s)
	starts := startsDated(s)
	dated := strings.ContainsAny(s, "0123456789")
	switch {
	case introLast.MatchString(s):
		colon := strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：")
		return starts && dated && (colon || hasClock.MatchString(s)) || address && colon
	case introMiddle.MatchString(s):
		return (address || hasClock.MatchString(s)) && dated
	case strings.HasSuffix(s, ":") || strings.HasSuffix(s, "："):
		// Without a verb: a date with a time, then an address.
		return starts && hasClock.MatchString(s) && address
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

// fieldKind is the kind of field that a line is, "" if it is none.
func fieldKind(line string) string {
	line = strings.TrimLeft(line, " \t>*|\u00a0")
	end := strings.IndexAny(line[:min(len(line), 60)], ":：")
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
	for i := range lines {
		if len(lines)-i <= maxSignature && isSignatureMark(lines[i:]) && (below || !isEmpty(lines[:i])) {
			text, signature = lines[:i], lines[i:]
			break
		}
	}
	for range maxMobile {
		text = trimDelimiters(text)
		n := len(text) - 1
		if n < 1 || !mobileSignature.MatchString(strings.TrimSpace(text[n])) {
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
	if signatureLine.MatchString(lines[0]) {
		return true
	}
	rule := strings.TrimSpace(lines[0])
	return len(rule) >= 10 && strings.Trim(rule, "_") == "" && len(lines) > 1 && len(lines) <= maxClosing+1
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
