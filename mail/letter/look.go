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
	Template *Template      // the desk's own words; nil: ours
}

// T is a sentence in the letter's language.
func (l Look) T(key string, values ...string) string { return l.Language.T(key, values...) }

// Tag is the language as HTML names it.
func (l Look) Tag() string { return l.Language.Tag() }

// ReplyLine asks the reader to write above it; what a reply repeats below it is old text.
func (l Look) ReplyLine() string { return l.T("letter.reply_line") }

// subject is a subject to be shown.
func (l Look) subject(subject, number string) string {
	if s := bareSubject(subject, number); s != "" {
		return s
	}
	return l.T("letter.no_subject")
}
