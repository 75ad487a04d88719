package wording

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
)

// Desk is what letters say of the desk, and how they are written where nothing closer says otherwise.
type Desk struct {
	Name     string
	Language string   // tag; empty: English
	TimeZone string   // IANA name; empty: UTC
	Logo     string   // https URL; empty: none
	Accent   string   // colour, #rrggbb; empty: none
	Wording  *Service // nil: our own words
}

// Reader is whom a letter is for: tags of languages, the closest first, and an IANA zone. Empty ones are none.
type Reader struct {
	Languages []string
	Zone      string
}

// Look is how a letter of that kind is written that leaves through the mailbox: in the reader's language and zone, else
// the desk's, with the desk's own words where it has some.
func (d Desk) Look(r db.Reader, kind string, m *mailboxes.Mailbox, to Reader) (letter.Look, error) {
	look := letter.Look{Language: words.First(append(to.Languages, d.Language)...), Zone: words.Zone(to.Zone, d.TimeZone),
		Logo: d.Logo, Accent: d.Accent}
	if d.Wording == nil {
		return look, nil
	}
	own, err := d.Wording.For(r, kind, m.ID, look.Language)
	if err != nil {
		return look, fmt.Errorf("find the letter's template: %w", err)
	}
	look.Template = own
	return look, nil
}

// FromName is the name on letters that leave through the mailbox.
func (d Desk) FromName(m *mailboxes.Mailbox) string { return cmp.Or(m.FromName, d.Name) }

// Note tells the log of a template that could not be filled in; the letter has our own words.
func Note(ctx context.Context, kind string, r letter.Rendered) {
	if r.Failed != nil {
		slog.WarnContext(ctx, "a letter template failed; the letter has the built-in words", "template", kind, "why", r.Failed.Error())
	}
}
