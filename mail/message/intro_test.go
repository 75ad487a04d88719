package message

import (
	"regexp"
	"strings"
	"testing"
)

// What is matched by hand, as expressions.
var (
	verbLast     = regexp.MustCompile(`(?i)(?:^|[\s>)\]"',，]|\d|>)(?:` + wroteLast + `)\s*(?:\.{3})?\s*[:：]?\s*-*$`)
	verbMiddle   = regexp.MustCompile(`(?i)(?:^|[\s>)\]])(?:` + wroteMiddle + `)[\s(].*[:：]$`)
	clock        = regexp.MustCompile(`\d{1,2}[:.]\d{2}|\d{1,2}h\d{2}|\d{4}[-./]\d|\d[-./]\d{4}`)
	someAddress  = regexp.MustCompile(`[^\s<>@"(]+@[^\s<>@")]+`)
	signatureRow = regexp.MustCompile(`^\s?(?:--|—|––|---|_{2,5}|-- |\*\*)\s*$`)
	autoSubject  = regexp.MustCompile(`(?i)^\s*\[?\s*(?:` + autoReplyPrefixes + `)\s*[:：\]]`)
)

func checkIntro(t *testing.T, s string) {
	t.Helper()
	folded := fold(s)
	for name, c := range map[string]struct{ got, want bool }{
		"a verb at the end":  {endsWithVerb(folded), verbLast.MatchString(s)},
		"a verb within":      {hasColon(s) && holdsVerb(folded), verbMiddle.MatchString(s)},
		"a time":             {hasClock(s), clock.MatchString(s)},
		"an address":         {hasAddress(s), someAddress.MatchString(s)},
		"a signature mark":   {isSignatureLine(s), signatureRow.MatchString(s)},
		"a signature":        {isMobileSignature(s), mobileSignature.MatchString(s)},
		"a forwarding line":  {mayForward(s) && forwardLine.MatchString(s), forwardLine.MatchString(s)},
		"an original's line": {beginsDashed(s) && originalLine.MatchString(s), originalLine.MatchString(s)},
		"message du":         {beginsMessageOf(s) && messageOf.MatchString(s), messageOf.MatchString(s)},
		"a date's address":   {isBareIntro(s), gmtIntro.MatchString(s) || dateAddressIntro.MatchString(s)},
		"dashes around":      {isDashedIntro(s), dashedIntro.MatchString(s)},
		"an away note":       {isAutoReplySubject(s), autoSubject.MatchString(s) || autoReplyAlone.has(fold(strings.Trim(s, asciiSpace))) || autoNotesSubject.MatchString(s)},
		"a no-reply address": {isNoReplyAddress(s + "@x.example"), noReplyLocal.MatchString(strings.SplitN(s+"@", "@", 2)[0])},
	} {
		if c.got != c.want {
			t.Errorf("%q holds %s: %v, the expression says %v", s, name, c.got, c.want)
		}
	}
}

var introSeeds = []string{
	"", "On Monday Ann wrote:", "on 2 May 2026 at 10:30 Ann WROTE ...: --", "wrote", "xwrote:", "3wrote", "Ann，写道：", "Ann schrieb am 2. Mai:", "Ann a écrit (2 mai) :",
	"(schrieb :", "10h30", "1h3", "2026-5", "5/2026", "12345.6", "1.23", "a@b", "(a@", "@b", `a@"`, "--", " -- ", "---- ", "___", "______", "**", "\t—", "Sent from my telephone", "- ſent from my telephone",
	"GÖNDERİLDİ", "iPhone'umdan gönderildi", "-- 私のiPhoneから送信", "Begin forwarded message:", "--- Forwarded message ---", "*-----Original Message-----*", "__ message original __",
	"Message du : 3", "*message du 12", "2016-03-03 17:21 GMT+01:00 Some One", "2011/4/7 Ann <a@b.example>:", "2011-04-07 <a@b>", "--- On Mon a@b.example wrote ---", "-- x  wrote --",
	"Automatic reply: away", "[Out of office] x", " ooo ：", "auto: Ann is out of the office", "no-reply", "ann.noreply2", "donotreply+x", "neue.antwort", "keine-antwort",
}

// What tells introductions, signatures and separators by hand says what the expressions say.
func TestIntroByHand(t *testing.T) {
	t.Parallel()
	for _, s := range introSeeds {
		checkIntro(t, s)
	}
	n := 0
	for _, path := range glob(t, corpusDir(t), "reply-*/emails/*.txt") {
		for line := range strings.Lines(CleanText(string(read(t, path)))) {
			checkIntro(t, strings.TrimSuffix(line, "\n"))
			n++
		}
	}
	if n < 1000 {
		t.Errorf("only %d lines", n)
	}
}

func FuzzIntro(f *testing.F) {
	for _, s := range introSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s = CleanLine(s); len(s) <= 200 {
			checkIntro(t, s)
		}
	})
}
