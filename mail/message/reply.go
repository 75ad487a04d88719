package message

import (
	"slices"
	"strings"
)

// extract is a text taken apart. Whatever the text, reply is not empty where
// the text is not.
type extract struct {
	reply     string
	cut       string
	signature string
	embedded  string // the email below a separator or a field block, part of cut
	forwarded string // the same where the separator says that it is forwarded
}

// extractReply finds what is new in a text. It cuts what follows a separator,
// a field block or an introduction, and quotes at either end; quotes between
// answers stay, since the answers need them.
//
// expired is asked now and then; once it is true the rest counts as new text.
func extractReply(text string, expired func() bool) extract {
	lines := strings.Split(trimBlankLines(text), "\n")
	p := replyParser{lines: lines, expired: expired}
	p.parse()
	x := p.assemble()
	x.embedded, x.forwarded = p.embedded, p.forwarded
	if x.reply == "" {
		x = extract{reply: strings.TrimSpace(text), embedded: x.embedded, forwarded: x.forwarded}
	}
	return x
}

type segmentKind int

const (
	segmentText segmentKind = iota
	segmentQuote
)

// segment is a run of lines of one kind. A quote's lines include its introduction.
type segment struct {
	kind       segmentKind
	lines      []string
	introduced bool
	signature  []string // taken off the end of text
}

type replyParser struct {
	lines     []string
	expired   func() bool
	texted    bool // something new stands above
	tries     int  // close looks taken, which cost time
	window    [maxIntroLines]introLine
	segments  []segment
	cut       []string // what follows a final separator
	embedded  string
	forwarded string
}

// parse cuts the lines into segments, up to the first line below which nothing is new.
func (p *replyParser) parse() {
	for i := 0; i < len(p.lines); {
		line := p.lines[i]
		if p.tries > maxTries || i%256 == 255 && p.expired() {
			for _, rest := range p.lines[i:] {
				p.text(rest)
			}
			return
		}
		if before, intro, ok := splitSharedLine(line); ok && !isQuoted(line) {
			p.text(before)
			p.lines[i] = intro
			p.window[i%maxIntroLines] = introLine{}
			continue
		}
		if n := p.separator(i); n >= 0 {
			if p.texted || n == 0 {
				p.end(i)
				return
			}
			i += n
			continue
		}
		if n := p.introLength(i); n > 0 {
			next, done := p.introduction(i, n)
			if done {
				return
			}
			i = next
			continue
		}
		if isQuoted(line) {
			end := quoteEnd(p.lines, i)
			p.segments = append(p.segments, segment{kind: segmentQuote, lines: p.lines[i:end]})
			i = end
			continue
		}
		p.text(line)
		i++
	}
}

// separator says whether all from line i on is another email: -1 if not, 0 if
// so, n > 0 if so unless nothing stands above, when n lines introduce the text.
func (p *replyParser) separator(i int) int {
	line := p.lines[i]
	switch {
	case isQuoted(line):
		return -1
	case isFieldBlock(p.lines[i:]):
		p.embedded = strings.TrimSpace(strings.Join(p.lines[i:], "\n"))
		return 0
	case !maySeparate(line):
		return -1
	}
	p.tries++
	switch {
	case mayForward(line) && forwardLine.MatchString(line):
		p.forwarded = strings.TrimSpace(strings.Join(p.lines[i+1:], "\n"))
		return 0
	case beginsDashed(line) && originalLine.MatchString(line), strings.Contains(line, "##-") && ownDelimiter.MatchString(line),
		beginsMessageOf(line) && messageOf.MatchString(line):
		p.embedded = strings.TrimSpace(strings.Join(p.lines[i+1:], "\n"))
		return 0
	}
	return -1
}

// introduction handles "On Monday Ann wrote:" at line i: quotes follow it, or
// the whole rest is the other email.
func (p *replyParser) introduction(i, n int) (next int, done bool) {
	after := i + n
	for after < len(p.lines) && strings.TrimSpace(p.lines[after]) == "" {
		after++
	}
	switch {
	case after < len(p.lines) && isQuoted(p.lines[after]):
		end := quoteEnd(p.lines, after)
		p.segments = append(p.segments, segment{kind: segmentQuote, lines: p.lines[i:end], introduced: true})
		return end, false
	case p.texted || after >= len(p.lines):
		p.end(i)
		return 0, true
	}
	// Nothing stands above: what follows is all there is to read.
	p.segments = append(p.segments, segment{kind: segmentQuote, lines: p.lines[i : i+n], introduced: true})
	return i + n, false
}

func (p *replyParser) text(line string) {
	p.texted = p.texted || strings.TrimSpace(line) != "" && !isDelimiter(line)
	if n := len(p.segments); n > 0 && p.segments[n-1].kind == segmentText {
		p.segments[n-1].lines = append(p.segments[n-1].lines, line)
		return
	}
	p.segments = append(p.segments, segment{kind: segmentText, lines: []string{line}})
}

func (p *replyParser) end(i int) { p.cut = p.lines[i:] }

func isEmpty(lines []string) bool {
	return !slices.ContainsFunc(lines, func(l string) bool { return strings.TrimSpace(l) != "" && !isDelimiter(l) })
}

// assemble decides which segments are the reply.
func (p *replyParser) assemble() extract {
	first, last := -1, -1
	for i := range p.segments {
		s := &p.segments[i]
		if s.kind != segmentText {
			continue
		}
		s.lines, s.signature = splitSignature(s.lines, i > 0)
		if !isEmpty(s.lines) {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	var reply, cut, signature []string
	for i, s := range p.segments {
		if len(s.signature) > 0 {
			signature = append(signature, s.signature...)
		}
		switch {
		case first < 0 || i < first || i > last || s.kind == segmentQuote && !p.keepQuote(first, last):
			cut = append(cut, s.lines...)
			reply = closeGap(reply)
		default:
			reply = append(reply, s.lines...)
		}
	}
	cut = append(cut, p.cut...)
	return extract{
		reply:     strings.TrimSpace(strings.Join(trimDelimiters(reply), "\n")),
		cut:       trimBlankLines(strings.Join(cut, "\n")),
		signature: trimBlankLines(strings.Join(signature, "\n")),
	}
}

// keepQuote tells answers between the lines from a quote with a closing below it.
func (p *replyParser) keepQuote(first, last int) bool {
	if last != first+2 || !p.segments[first+1].introduced {
		return true
	}
	n := 0
	for _, line := range p.segments[last].lines {
		if strings.TrimSpace(line) != "" {
			n++
			if len(line) > 40 {
				return true
			}
		}
	}
	return n > 2
}

// closeGap leaves one empty line where a quote was cut out.
func closeGap(lines []string) []string {
	lines = slices.Clip(lines)
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func trimDelimiters(lines []string) []string {
	for len(lines) > 0 {
		l := lines[len(lines)-1]
		if strings.TrimSpace(l) != "" && !isDelimiter(l) || isQuoted(l) {
			break
		}
		lines = lines[:len(lines)-1]
	}
	return lines
}
