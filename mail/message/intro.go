package message

import (
	"strings"
	"unicode"
)

const (
	maxIntroLines  = 6
	maxIntroLength = 400
)

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

// introLine is a line as a part of an introduction.
type introLine struct {
	number int    // of the line, from 1; 0 where nothing is known
	text   string // without emphasis
	ends   string // text without white space at its end
	quoted bool   // it belongs to a quote
	dated  bool   // it begins as "On 2 May" does
	marked bool   // it has a digit or an at sign
}

// introLine looks at line i. The window spares looking again: an introduction may begin on each of several lines.
func (p *replyParser) introLine(i int) *introLine {
	l := &p.window[i%maxIntroLines]
	if l.number == i+1 {
		return l
	}
	line := p.lines[i]
	text := line
	if strings.Contains(text, "\u00a0") {
		text = strings.ReplaceAll(text, "\u00a0", " ")
	}
	text = strings.Trim(text, "*_ \t")
	*l = introLine{number: i + 1, text: text, ends: strings.TrimRightFunc(text, unicode.IsSpace), quoted: isQuoted(line) && !endsAddress(line)}
	if len(text) <= maxIntroLength {
		l.marked = hasDigitOrAt(text)
		l.dated = l.marked && startsDated(text)
	}
	return l
}

func hasDigitOrAt(s string) bool {
	for i := range len(s) {
		if c := s[i]; '0' <= c && c <= '9' || c == '@' {
			return true
		}
	}
	return false
}

// introLength is how many lines from line i on introduce a quote; 0 if none does.
func (p *replyParser) introLength(i int) int {
	if strings.TrimSpace(p.lines[i]) == "" || isQuoted(p.lines[i]) {
		return 0
	}
	var j joinedLines
	dated := false
	for n := range min(maxIntroLines, len(p.lines)-i) {
		l := p.introLine(i + n)
		switch {
		case l.text == "" && n > 0 && n <= 2 && dated && hasClock(j.text()):
			continue // some programs leave a line empty before the address
		case l.text == "", n > 0 && l.quoted, j.size+len(l.text) > maxIntroLength:
			return 0
		case n == 0:
			dated = l.dated
		case !dated && l.dated:
			return 0 // the introduction begins here, not above
		}
		j.add(l)
		if !j.mayBeIntro(dated) {
			continue
		}
		if p.tries++; isIntro(j.text()) {
			return n + 1
		}
	}
	return 0
}

// joinedLines are lines of an introduction, put together only where somebody asks.
type joinedLines struct {
	parts  [maxIntroLines]string
	n      int
	size   int  // bytes of the text
	marked bool // a digit or an at sign is there
}

func (j *joinedLines) add(l *introLine) {
	j.marked = j.marked || l.marked
	part := l.ends
	if j.n == 0 {
		part = strings.TrimSpace(part)
	} else if part != "" {
		j.size++
	}
	if part != "" {
		j.parts[j.n] = part
		j.n++
		j.size += len(part)
	}
}

func (j *joinedLines) text() string { return strings.Join(j.parts[:j.n], " ") }

// mayBeIntro is a quick look before isIntro.
func (j *joinedLines) mayBeIntro(dated bool) bool {
	switch {
	case !j.marked:
		return strings.HasPrefix(j.parts[0], "--") && !isDelimiter(j.text())
	case dated:
		return true
	}
	last := j.parts[j.n-1] // what is marked is not empty
	return hasColon(last) || strings.HasSuffix(last, "--") || strings.HasSuffix(last, ">")
}

func hasColon(s string) bool { return strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：") }

// endsAddress is the end of an introduction that was wrapped within its address: ">:" or "> wrote:".
func endsAddress(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, ">:") || strings.HasPrefix(line, "> wrote")
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
	if isDashedIntro(s) || isBareIntro(s) {
		return true
	}
	s = strings.TrimSpace(strings.Trim(s, "-"))
	folded := fold(s)
	switch {
	case endsWithVerb(folded):
		return startsDated(s) && (hasColon(s) || hasClock(s)) || hasColon(s) && hasAddress(s)
	case !hasColon(s):
		return false
	case holdsVerb(folded):
		return (hasClock(s) || hasAddress(s)) && strings.ContainsAny(s, "0123456789")
	}
	// Without a verb: a date with a time, then an address.
	return hasClock(s) && hasAddress(s) && startsDated(s)
}

func isDashedIntro(s string) bool {
	return strings.HasPrefix(s, "--") && strings.HasSuffix(s, "--") && dashedIntro.MatchString(s)
}

// isBareIntro tells the introductions that are a date and a name alone.
func isBareIntro(s string) bool {
	if len(s) < len("2011/4/7 <a@b>") || s[0] < '0' || s[0] > '9' || s[4] != '-' && s[4] != '/' {
		return false
	}
	return (strings.HasSuffix(s, ">") || strings.HasSuffix(s, ">:")) && dateAddressIntro.MatchString(s) ||
		(strings.Contains(s, " GMT") || strings.Contains(s, " UTC")) && gmtIntro.MatchString(s)
}

// endsWithVerb looks for a verb at the end of a folded text: "ANN WROTE:".
func endsWithVerb(s string) bool {
	s = strings.TrimRight(strings.TrimRight(s, "-"), asciiSpace)
	if strings.HasSuffix(s, ":") {
		s = s[:len(s)-1]
	} else {
		s = strings.TrimSuffix(s, "：")
	}
	s = strings.TrimRight(s, asciiSpace)
	s = strings.TrimRight(strings.TrimSuffix(s, "..."), asciiSpace)
	for before := range lastVerbs.suffixes(s) {
		if before == "" || strings.IndexByte(asciiSpace+`>)]"',0123456789`, before[len(before)-1]) >= 0 || strings.HasSuffix(before, "，") {
			return true
		}
	}
	return false
}

// holdsVerb looks for a verb within a folded text: "ANN SCHRIEB AM MONTAG:".
func holdsVerb(s string) bool {
	for i := range len(s) {
		if i > 0 && strings.IndexByte(asciiSpace+">)]", s[i-1]) < 0 {
			continue
		}
		for after := range middleVerbs.prefixes(s[i:]) {
			if after != "" && strings.IndexByte(asciiSpace+"(", after[0]) >= 0 {
				return true
			}
		}
	}
	return false
}

// hasClock finds a time of day, or a year beside a month: 10:30, 10.30, 10h30, 2026-05, 5/2026.
func hasClock(s string) bool {
	for i := 1; i < len(s)-1; i++ {
		if !digitsAt(s, i-1, 1) || !digitsAt(s, i+1, 1) {
			continue
		}
		switch s[i] {
		case ':', 'h':
			if digitsAt(s, i+1, 2) {
				return true
			}
		case '.':
			if digitsAt(s, i+1, 2) || digitsAt(s, i-4, 4) {
				return true
			}
		case '-', '/':
			if digitsAt(s, i-4, 4) || digitsAt(s, i+1, 4) {
				return true
			}
		}
	}
	return false
}

// digitsAt says that n digits stand at i.
func digitsAt(s string, i, n int) bool {
	if i < 0 || i+n > len(s) {
		return false
	}
	for _, c := range []byte(s[i : i+n]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// hasAddress finds an at sign with something on both sides.
func hasAddress(s string) bool {
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '@' && strings.IndexByte(asciiSpace+`<>@"(`, s[i-1]) < 0 && strings.IndexByte(asciiSpace+`<>@")`, s[i+1]) < 0 {
			return true
		}
	}
	return false
}
