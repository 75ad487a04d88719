package web

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/limit"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
)

// letterTemplates is the desk's own words for letters.
type letterTemplates struct {
	desk     wording.Desk
	operator string
	limits   *db.DB
}

// LetterTemplate is the desk's own words for one kind of letter.
type LetterTemplate struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Name      string     `json:"name" enum:"acknowledgement,answer,held_notice,notice,outage"`
	MailboxID *uuid.UUID `json:"mailbox_id" format:"uuid" doc:"null: of letters from every mailbox"`
	Language  string     `json:"language" doc:"Empty: in every language"`
	Text      string     `json:"text"`
	HTML      string     `json:"html" doc:"Empty: the letter has its text alone"`
	Version   int        `json:"version"`
	UpdatedAt time.Time  `json:"updated_at"`
}

// LetterTemplates is all that there are, and what each may name.
type LetterTemplates struct {
	Items []LetterTemplate `json:"items" nullable:"false"`
	Kinds []LetterKind     `json:"kinds" nullable:"false" doc:"Every letter that may have a template"`
}

// LetterKind is a letter that may have a template, in one language.
type LetterKind struct {
	Name      string      `json:"name"`
	Variables []string    `json:"variables" nullable:"false" doc:"What its templates may write as {{variable}} or ask for with {{if variable}} ... {{else}} ... {{end}}"`
	Builtin   LetterWords `json:"builtin" doc:"The words of the product; saved as a template they give the same letters"`
	File      LetterWords `json:"file" doc:"The words of the folder templates_dir, which stand before those of the product and behind items; empty where it has none"`
}

// LetterWords is the source of a template.
type LetterWords struct {
	Text string `json:"text"`
	HTML string `json:"html"`
}

// LetterTemplateWords is the words of a template and where they are in force.
type LetterTemplateWords struct {
	MailboxID *uuid.UUID `json:"mailbox_id,omitempty" format:"uuid" doc:"Of letters from this mailbox alone"`
	Language  *string    `json:"language,omitempty" enum:"en,de,fr,es" doc:"Of letters in this language alone"`
	Text      string     `json:"text" minLength:"1" maxLength:"65536"`
	HTML      *string    `json:"html,omitempty" maxLength:"65536" doc:"What stands inside of the letter's body"`
}

// LetterPreview is a letter about a made-up ticket.
type LetterPreview struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
}

type letterTemplateInput struct {
	Name string `path:"name" maxLength:"50"`
	Body LetterTemplateWords
}

func (in letterTemplateInput) template() wording.Template {
	t := wording.Template{Name: in.Name, Text: in.Body.Text, HTML: textOf(in.Body.HTML), Language: textOf(in.Body.Language)}
	if in.Body.MailboxID != nil {
		t.MailboxID = uuid.NullUUID{UUID: *in.Body.MailboxID, Valid: true}
	}
	return t
}

func showTemplate(t wording.Template) LetterTemplate {
	return LetterTemplate{ID: t.ID, Name: t.Name, MailboxID: idOrNull(t.MailboxID), Language: t.Language, Text: t.Text, HTML: t.HTML,
		Version: t.Version, UpdatedAt: t.UpdatedAt}
}

type letterTemplateQuery struct {
	Language string `query:"language" enum:"en,de,fr,es" doc:"Of the words of kinds; the desk's where absent"`
}

func (s letterTemplates) list(ctx context.Context, in *letterTemplateQuery) (*one[LetterTemplates], error) {
	all, err := s.desk.Wording.List(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	out := LetterTemplates{Items: []LetterTemplate{}}
	for _, t := range all {
		out.Items = append(out.Items, showTemplate(t))
	}
	language := words.First(in.Language, s.desk.Language)
	for _, kind := range letter.Kinds() {
		k := LetterKind{Name: kind, Variables: letter.Variables[kind]}
		if k.Builtin.Text, k.Builtin.HTML, err = letter.Builtin(kind, language); err != nil {
			return nil, err
		}
		k.File.Text, k.File.HTML = s.desk.Wording.File(kind, language)
		out.Kinds = append(out.Kinds, k)
	}
	return &one[LetterTemplates]{Body: out}, nil
}

func (s letterTemplates) put(ctx context.Context, in *letterTemplateInput) (*one[LetterTemplate], error) {
	t, err := s.desk.Wording.Put(ctx, actorOf(ctx), in.template())
	if err != nil {
		return nil, err
	}
	return &one[LetterTemplate]{Body: showTemplate(t)}, nil
}

type letterTemplatePlace struct {
	Name     string    `path:"name" maxLength:"50"`
	Mailbox  uuid.UUID `query:"mailbox" format:"uuid" doc:"That of this mailbox"`
	Language string    `query:"language" enum:"en,de,fr,es" doc:"That in this language"`
}

func (s letterTemplates) remove(ctx context.Context, in *letterTemplatePlace) (*struct{}, error) {
	return nil, s.desk.Wording.Delete(ctx, actorOf(ctx), wording.Template{Name: in.Name, Language: in.Language,
		MailboxID: uuid.NullUUID{UUID: in.Mailbox, Valid: in.Mailbox != uuid.Nil}})
}

// preview writes a letter with the words as they are sent; nothing is kept and nothing leaves.
func (s letterTemplates) preview(ctx context.Context, in *letterTemplateInput) (*one[LetterPreview], error) {
	r, err := s.desk.Sample(ctx, actorOf(ctx), wording.Trial{Template: in.template()})
	if err != nil {
		return nil, err
	}
	return &one[LetterPreview]{Body: LetterPreview{Subject: r.Subject, Text: r.Text, HTML: r.HTML}}, nil
}

// LetterTrial is a letter about a made-up ticket, and who gets it.
type LetterTrial struct {
	To        string     `json:"to" maxLength:"320" doc:"A staff address of the mailbox, or the operator's"`
	MailboxID *uuid.UUID `json:"mailbox_id,omitempty" format:"uuid" doc:"Which sends it; the oldest where absent"`
	Language  *string    `json:"language,omitempty" enum:"en,de,fr,es" doc:"The desk's where absent"`
	Text      *string    `json:"text,omitempty" maxLength:"65536" doc:"Absent: the words in force"`
	HTML      *string    `json:"html,omitempty" maxLength:"65536"`
}

type letterTrialInput struct {
	Name string `path:"name" maxLength:"50"`
	Body LetterTrial
}

// Trials that one caller may send in so much time.
const (
	mostTrials  = 10
	trialWindow = 10 * time.Minute
)

// try sends a letter with those words, or with those in force.
func (s letterTemplates) try(ctx context.Context, in *letterTrialInput) (*one[Letter], error) {
	by := actorOf(ctx)
	wait, err := limit.Allow(ctx, s.limits, "letter-trial:"+by.ID, mostTrials, trialWindow)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return nil, newProblem(http.StatusTooManyRequests, codeTooManyRequests, "Too many trial letters.").with("Retry-After", seconds(wait))
	}
	to, err := readPerson(in.Body.To, "body.to")
	if err != nil {
		return nil, err
	}
	words := letterTemplateInput{Name: in.Name, Body: LetterTemplateWords{MailboxID: in.Body.MailboxID, Language: in.Body.Language,
		Text: textOf(in.Body.Text), HTML: in.Body.HTML}}
	l, err := s.desk.Try(ctx, by, wording.Trial{Template: words.template(), To: to.Address, Operator: s.operator})
	if err != nil {
		return nil, err
	}
	return &one[Letter]{Body: showLetter(l)}, nil
}
