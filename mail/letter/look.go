package letter

import (
	"time"

	"github.com/postern-desk/postern/internal/words"
)

// Look is in which language a letter speaks, how times in it are written, and what it bears of the desk's own. The
// zero Look is English, UTC, without a picture, links as the mail program has them.
type Look struct {
	Language words.Language
	Zone     *time.Location // nil: UTC
	Logo     string         // https URL of a picture; empty: none
	Accent   string         // colour of links, #rrggbb; empty: the mail program's
}

// T is a sentence in the letter's language, for the templates.
func (l Look) T(key string, values ...string) string { return l.Language.T(key, values...) }

// Column is the labels of plain text, of one width.
func (l Look) Column(keys ...string) []string { return l.Language.Column(keys...) }

// Tag is the language as HTML names it.
func (l Look) Tag() string { return l.Language.Tag() }

// Greeting begins a letter.
func (l Look) Greeting(name string) string {
	if name == "" {
		return l.T("letter.hello")
	}
	return l.T("letter.hello_name", "name", name)
}

// ReplyLine asks the reader to write above it; what a reply repeats below it is old text.
func (l Look) ReplyLine() string { return l.T("letter.reply_line") }

// To is a link in the desk's colour, for the templates.
func (l Look) To(href string) any {
	return struct{ Href, Accent string }{href, l.Accent}
}

// subject is a subject to be shown.
func (l Look) subject(subject, number string) string {
	if s := bareSubject(subject, number); s != "" {
		return s
	}
	return l.T("letter.no_subject")
}
