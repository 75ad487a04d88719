package wording

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/hours"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
)

// Desk is what letters say of the desk, and how they are written where nothing closer says otherwise.
type Desk struct {
	Name     string
	Language string       // tag; empty: English
	TimeZone string       // IANA name; empty: UTC
	Logo     string       // https URL; empty: none
	Accent   string       // colour, #rrggbb; empty: none
	Hours    *hours.Hours // nil: always open, and nothing is said of it
	Wording  *Service     // nil: our own words
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
		Logo: cmp.Or(m.Logo, d.Logo), Accent: cmp.Or(m.Accent, d.Accent)}
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

// HoursOf is when letters to the mailbox are answered: its own hours, else the desk's.
func (d Desk) HoursOf(m *mailboxes.Mailbox) *hours.Hours {
	if m.Hours == nil {
		return d.Hours
	}
	// What was saved can be read, but for a zone that a later list of zones no longer has.
	own, err := m.Hours.Compile(words.Zone(d.TimeZone))
	if err != nil {
		return d.Hours
	}
	return own
}

// Back is when the mailbox is answered next; zero where it is now, or where that is not known.
func (d Desk) Back(m *mailboxes.Mailbox, at time.Time) time.Time {
	h := d.HoursOf(m)
	if next, ok := h.NextOpening(at); ok && next.After(at) {
		return next
	}
	return time.Time{}
}

// Note tells the log of a template that could not be filled in; the letter has our own words.
func Note(ctx context.Context, kind string, r letter.Rendered) {
	if r.Failed != nil {
		slog.WarnContext(ctx, "a letter template failed; the letter has the built-in words", "template", kind, "why", r.Failed.Error())
	}
}
