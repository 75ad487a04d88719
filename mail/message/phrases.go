package message

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// phrases is a set of phrases that are told without regard to case, as (?i) in
// an expression does, at the cost of a look into a map.
type phrases struct {
	set     map[string]struct{} // folded
	lengths []int               // in bytes, folded, ascending
	first   [256]bool           // the bytes with which one begins, folded
	last    [256]bool           // and ends
}

// newPhrases lists what an expression matches that has no repetition without end.
func newPhrases(expression string) *phrases {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		panic(err)
	}
	p := &phrases{set: map[string]struct{}{}}
	for _, phrase := range expand(re.Simplify()) {
		folded := fold(phrase)
		p.set[folded] = struct{}{}
		p.first[folded[0]], p.last[folded[len(folded)-1]] = true, true
		if !slices.Contains(p.lengths, len(folded)) {
			p.lengths = append(p.lengths, len(folded))
		}
	}
	slices.Sort(p.lengths)
	return p
}

// expand lists the texts that an expression matches.
func expand(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpLiteral:
		return []string{string(re.Rune)}
	case syntax.OpCharClass:
		var out []string
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				out = append(out, string(r))
			}
		}
		return out
	case syntax.OpCapture:
		return expand(re.Sub[0])
	case syntax.OpQuest:
		return append(expand(re.Sub[0]), "")
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			out = append(out, expand(sub)...)
		}
		return out
	case syntax.OpConcat:
		out := []string{""}
		for _, sub := range re.Sub {
			var longer []string
			for _, head := range out {
				for _, tail := range expand(sub) {
					longer = append(longer, head+tail)
				}
			}
			out = longer
		}
		return out
	}
	panic("no list of phrases: " + re.String())
}

// has says that s, folded, is one of the phrases.
func (p *phrases) has(s string) bool {
	if s == "" || !p.first[s[0]] {
		return false
	}
	_, ok := p.set[s]
	return ok
}

// suffixes gives what stands before each phrase that ends s, folded, the longest phrase last.
func (p *phrases) suffixes(s string) func(yield func(before string) bool) {
	return func(yield func(string) bool) {
		if s == "" || !p.last[s[len(s)-1]] {
			return
		}
		for _, n := range p.lengths {
			if n > len(s) {
				return
			}
			if _, ok := p.set[s[len(s)-n:]]; ok && !yield(s[:len(s)-n]) {
				return
			}
		}
	}
}

// prefixes gives what stands behind each phrase that begins s, folded.
func (p *phrases) prefixes(s string) func(yield func(after string) bool) {
	return func(yield func(string) bool) {
		if s == "" || !p.first[s[0]] {
			return
		}
		for _, n := range p.lengths {
			if n > len(s) {
				return
			}
			if _, ok := p.set[s[:n]]; ok && !yield(s[n:]) {
				return
			}
		}
	}
}

// fold gives all texts that differ in case alone the same form: every character
// becomes the first of those that are the same to (?i).
func fold(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return strings.Map(foldRune, s)
}

func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}
	first := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		first = min(first, other)
	}
	return first
}
