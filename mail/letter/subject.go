package letter

import (
	"regexp"
	"strings"
	"unicode"
)

const maxSubject = 200 // bytes of the client's subject that a letter repeats

// replyPrefix matches one reply mark as mail programs of several languages
// write it, with the counter that some add. Forward marks stay: they say what
// the email is.
var replyPrefix = regexp.MustCompile(`(?i)^\s*(re|aw|antw|antwort|sv|vs|ref|rif|r|odp|res|rv|ynt|vá|回复|回覆|答复|答覆)\s*(\[\d+\]|\(\d+\)|\^\d+)?\s*[:：]\s*`)

// OneLine makes foreign text fit for a header field or a subject: control
// characters become spaces, runs of spaces one, invalid UTF-8 is replaced.
func OneLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

// replySubject is the subject of a letter on a ticket: one Re:, the subject
// without the reply marks it had, the number in brackets for people. Nothing
// finds a ticket by that number. Re: is no English: it is what programs know (RFC 5322 section 3.6.5).
func (l Look) replySubject(subject, number string) string {
	return "Re: " + l.subject(subject, number) + numberTag(number)
}

// bareSubject drops reply marks and our own number tag, so that neither
// doubles as letters go back and forth. It may be empty.
func bareSubject(subject, number string) string {
	s := OneLine(subject)
	for mark := replyPrefix.FindString(s); mark != ""; mark = replyPrefix.FindString(s) {
		s = s[len(mark):]
	}
	if number != "" {
		s = strings.TrimSuffix(s, strings.TrimSpace(numberTag(number)))
	}
	s = strings.TrimSpace(s)
	if len(s) > maxSubject {
		return strings.TrimSpace(cutBytes(s, maxSubject)) + "…"
	}
	return s
}

func numberTag(number string) string {
	if number == "" {
		return ""
	}
	return " [#" + OneLine(number) + "]"
}
