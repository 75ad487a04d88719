// Package wording keeps the desk's own words for letters, and finds which are for which letter.
package wording

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
)

// Template is the desk's own words for one kind of letter.
type Template struct {
	ID        uuid.UUID     `db:"id"`
	Name      string        `db:"name"`       // the kind of letter
	MailboxID uuid.NullUUID `db:"mailbox_id"` // not valid: of every mailbox
	Language  string        `db:"language"`   // empty: in every language
	Text      string        `db:"text"`
	HTML      string        `db:"html"` // empty: the letter has its text alone
	Version   int           `db:"version"`
	UpdatedAt time.Time     `db:"updated_at"`
}

// List is every template, by name.
func (s *Service) List(ctx context.Context, by event.Actor) ([]Template, error) {
	var all []Template
	err := s.db.View(ctx, by, func(v *db.View) (err error) {
		all, err = db.All[Template](v, sqlAll)
		return err
	})
	return all, err
}

// Put adds a template or takes the place of the one that is there.
func (s *Service) Put(ctx context.Context, by event.Actor, t Template) (Template, error) {
	if _, err := Compile(t); err != nil {
		return Template{}, err
	}
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		found, _, err := db.One[Template](tx, sqlPut, db.NewID(), t.Name, t.MailboxID, t.Language, t.Text, t.HTML)
		if db.Violates(err, "letter_templates_mailbox_id_fkey") {
			return fault.New(fault.Invalid, "mailbox_not_found", "there is no such mailbox").In("mailbox_id")
		}
		if err != nil {
			return err
		}
		t = found
		record(tx, event.TemplateSaved, t)
		return nil
	})
	s.forget()
	return t, err
}

// Delete puts our own words back in force.
func (s *Service) Delete(ctx context.Context, by event.Actor, t Template) error {
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		gone, ok, err := db.One[Template](tx, sqlDelete, t.Name, t.MailboxID, t.Language)
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "letter_template_not_found", "there is no template of this name, mailbox and language")
		}
		if err != nil {
			return err
		}
		gone.Version++
		record(tx, event.TemplateDeleted, gone)
		return nil
	})
	s.forget()
	return err
}

func record(tx *db.Tx, kind event.Kind, t Template) {
	tx.Record(event.Event{Kind: kind, SubjectID: t.ID.String(), Sequence: int64(t.Version), Label: t.Name + " " + t.Language})
}

// check looks at what the template is of.
func (t Template) check() error {
	if !slices.Contains(letter.Kinds(), t.Name) {
		return fault.New(fault.NotFound, "letter_template_not_found", "there is no letter of this name; there are %s", strings.Join(letter.Kinds(), ", "))
	}
	if t.Language != "" && !slices.Contains(words.All, words.Language(t.Language)) {
		return fault.New(fault.Invalid, "invalid_language", "letters speak %s; empty is all of them", words.Known()).In("language")
	}
	return nil
}

// Compile checks a template.
func Compile(t Template) (*letter.Template, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	compiled, err := letter.CompileTemplate(t.Name, t.Text, t.HTML)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid_template", "%s", err)
	}
	return compiled, nil
}
