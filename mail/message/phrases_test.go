package message

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// Every list of phrases says of every phrase, in any case, what the expression says that it was made of.
func TestPhrasesAreWhatTheirExpressionMatches(t *testing.T) {
	t.Parallel()
	for name, expression := range map[string]string{
		"last verbs": wroteLast, "middle verbs": wroteMiddle, "forwards": beginForward, "automatic replies": autoReplyPrefixes,
		"made up": `a(?:b|cd)?[eé]{1,2}|straße|k|ſt`,
	} {
		p, whole := newPhrases(expression), regexp.MustCompile(`(?i)^(?:`+expression+`)$`)
		if len(p.set) < 10 {
			t.Errorf("%s: only %d phrases", name, len(p.set))
		}
		for phrase := range p.set {
			for _, s := range []string{phrase, strings.ToLower(phrase), strings.ToUpper(phrase), otherFold(phrase), phrase + "x", phrase[1:], "x" + phrase} {
				if got, want := p.has(fold(s)), whole.MatchString(s); got != want {
					t.Errorf("%s: %q is one: %v, the expression says %v", name, s, got, want)
				}
			}
			if !yields(p.suffixes("x "+phrase), "x ") || !yields(p.prefixes(phrase+" x"), " x") {
				t.Errorf("%s: %q is not found at an end", name, phrase)
			}
		}
	}
}

// otherFold writes every letter as the last of those that are the same to (?i).
func otherFold(s string) string {
	return strings.Map(func(r rune) rune {
		last := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			last = max(last, other)
		}
		return last
	}, s)
}

func yields(all func(func(string) bool), want string) bool {
	for s := range all {
		if s == want {
			return true
		}
	}
	return false
}
