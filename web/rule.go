package web

import (
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/rules"
)

// Rule is what the desk does with emails that look in a certain way.
type Rule struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Name      string     `json:"name" doc:"Tickets name their rule by it"`
	Position  int        `json:"position" doc:"The lowest is asked first, of equal ones the oldest"`
	Enabled   bool       `json:"enabled"`
	On        string     `json:"on" enum:"new,reply,any" doc:"Asked of emails that open a ticket, that continue one, or both"`
	When      string     `json:"when" doc:"The condition; docs/rules.md lists what it may ask"`
	Then      RuleThen   `json:"then"`
	Failures  int64      `json:"failures" doc:"How many emails it failed on since the condition was last changed; they went on without it"`
	LastError *string    `json:"last_error" doc:"Why it last failed"`
	FailedAt  *time.Time `json:"failed_at"`
	Version   int        `json:"version"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

// RuleThen is what follows where a rule's condition holds.
type RuleThen struct {
	Priority          string         `json:"priority,omitempty" enum:"high,medium,low" doc:"Of the ticket; of several rules the last one counts"`
	Tags              []string       `json:"tags,omitempty" nullable:"false" maxItems:"20" doc:"Added to the ticket's"`
	Custom            map[string]any `json:"custom,omitempty" maxProperties:"20" doc:"Set beside the ticket's other custom fields"`
	NoAcknowledgement bool           `json:"no_acknowledgement,omitempty" doc:"The sender of a new ticket is not written to"`
	SetAside          string         `json:"set_aside,omitempty" enum:"spam" doc:"No ticket is opened; a reply is held on its ticket. It can be released as any email that was set aside"`
	Stop              bool           `json:"stop,omitempty" doc:"No later rule is asked"`
}

func showRule(r rules.Rule) Rule {
	return Rule{ID: r.ID, Name: r.Name, Position: r.Position, Enabled: r.Enabled, On: r.On, When: r.When, Then: RuleThen(r.Then),
		Failures: r.Failures, LastError: r.LastError, FailedAt: r.FailedAt, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

// NewRule is what a rule is made with.
type NewRule struct {
	Name     string   `json:"name" minLength:"1" maxLength:"100"`
	Position *int     `json:"position,omitempty" minimum:"0" maximum:"1000000" doc:"Behind all others where absent"`
	Enabled  bool     `json:"enabled,omitempty" doc:"Off where absent, so that it can be tried first"`
	On       *string  `json:"on,omitempty" enum:"new,reply,any" doc:"new where absent"`
	When     string   `json:"when" minLength:"1" maxLength:"4000"`
	Then     RuleThen `json:"then"`
}

// RulePatch is what may be changed of a rule; what is absent stays.
type RulePatch struct {
	Name     *string   `json:"name,omitempty" minLength:"1" maxLength:"100"`
	Position *int      `json:"position,omitempty" minimum:"0" maximum:"1000000"`
	Enabled  *bool     `json:"enabled,omitempty"`
	On       *string   `json:"on,omitempty" enum:"new,reply,any"`
	When     *string   `json:"when,omitempty" minLength:"1" maxLength:"4000"`
	Then     *RuleThen `json:"then,omitempty" doc:"Replaces all that follows"`
}

func (p RulePatch) fields() (rules.Fields, error) {
	f := rules.Fields{Name: linePointer(p.Name), Position: p.Position, Enabled: p.Enabled, On: p.On, When: p.When}
	if p.Then == nil {
		return f, nil
	}
	then, err := p.Then.read()
	f.Then = &then
	return f, err
}

func (t RuleThen) read() (rules.Then, error) {
	out := rules.Then(t)
	if len(t.Tags) > 0 {
		tags, err := readTags(t.Tags)
		if err != nil {
			return out, err
		}
		out.Tags = tags
	}
	if len(t.Custom) > 0 {
		custom, err := readCustom(t.Custom)
		if err != nil {
			return out, err
		}
		out.Custom = custom
	}
	return out, nil
}
