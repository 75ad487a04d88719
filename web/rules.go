package web

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/rules"
)

// triage is the desk's rules.
type triage struct {
	rules *rules.Service
	inbox *inbox.Service
}

// list shows rules in their order. There are few: all are read, and the page is cut out of them.
func (s triage) list(ctx context.Context, in *struct{ Paging }) (*listOf[Rule], error) {
	const list = "rules"
	after, err := readCursor(list, in.Cursor, 2)
	if err != nil {
		return nil, err
	}
	found, err := s.rules.List(ctx, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	if after != nil {
		position, wrong := strconv.Atoi(after[0])
		if wrong != nil {
			return nil, cursorRefused()
		}
		found = slices.DeleteFunc(found, func(r rules.Rule) bool {
			return cmp.Or(cmp.Compare(r.Position, position), cmp.Compare(r.ID.String(), after[1])) <= 0
		})
	}
	cursor := func(r rules.Rule) string { return newCursor(list, strconv.Itoa(r.Position), r.ID.String()) }
	return paged(found, in.Limit, cursor, showRule), nil
}

func (s triage) create(ctx context.Context, in *struct{ Body NewRule }) (*made[Rule], error) {
	b := in.Body
	f, err := RulePatch{Name: &b.Name, Position: b.Position, Enabled: &b.Enabled, On: b.On, When: &b.When, Then: &b.Then}.fields()
	if err != nil {
		return nil, err
	}
	r, err := s.rules.Create(ctx, actorOf(ctx), f)
	if err != nil {
		return nil, err
	}
	return &made[Rule]{Location: "/v1/rules/" + r.ID.String(), ETag: etag(r.Version), Body: showRule(r)}, nil
}

func (s triage) read(ctx context.Context, in *byID) (*one[Rule], error) {
	r, err := s.rules.Get(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &one[Rule]{ETag: etag(r.Version), Body: showRule(r)}, nil
}

type rulePatchInput struct {
	IfMatch
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body RulePatch
}

func (s triage) update(ctx context.Context, in *rulePatchInput) (*one[Rule], error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	f, err := in.Body.fields()
	if err != nil {
		return nil, err
	}
	r, err := s.rules.Update(ctx, actorOf(ctx), in.ID, version, f)
	if err != nil {
		return nil, err
	}
	return &one[Rule]{ETag: etag(r.Version), Body: showRule(r)}, nil
}

func (s triage) remove(ctx context.Context, in *byID) (*none, error) {
	return &none{}, s.rules.Delete(ctx, actorOf(ctx), in.ID)
}

// RuleTrial is a rule that is tried on stored emails.
type RuleTrial struct {
	On     *string  `json:"on,omitempty" enum:"new,reply,any" doc:"new where absent"`
	When   string   `json:"when" minLength:"1" maxLength:"4000"`
	Then   RuleThen `json:"then"`
	Limit  int      `json:"limit,omitempty" minimum:"1" maximum:"500" default:"100" doc:"How many of the newest emails that opened or continued a ticket are looked at"`
	Cursor string   `json:"cursor,omitempty" maxLength:"300" doc:"next_cursor of the trial before, to look at older emails"`
}

// RuleTried is what a trial came to.
type RuleTried struct {
	LookedAt   int         `json:"looked_at" doc:"May be less than the limit where the emails are large; go on with next_cursor"`
	Unread     int         `json:"unread" doc:"Among them: their bytes are not kept any more"`
	Matched    int         `json:"matched"`
	Failed     int         `json:"failed" doc:"The condition fails on these: as a rule it would be skipped for them"`
	Items      []RuleMatch `json:"items" nullable:"false" doc:"Those on which the condition holds or fails, newest first"`
	NextCursor string      `json:"next_cursor,omitempty" doc:"Absent where there is no older email"`
}

// RuleMatch is one email for which a condition holds or fails.
type RuleMatch struct {
	Email   InboundEmail `json:"email"`
	Reply   bool         `json:"reply" doc:"It continued a ticket"`
	Failure *string      `json:"failure" doc:"Why the condition fails; null: it holds"`
	Changes []RuleChange `json:"changes" nullable:"false" doc:"What would differ from how the email and its ticket are now"`
}

// RuleChange is one thing that a rule would have made different.
type RuleChange struct {
	Field string `json:"field" example:"priority" doc:"disposition, priority, tags, acknowledgement or custom. and the field's name"`
	From  string `json:"from"`
	To    string `json:"to"`
}

func (s triage) try(ctx context.Context, in *struct{ Body RuleTrial }) (*one[RuleTried], error) {
	const list = "rule trial"
	then, err := in.Body.Then.read()
	if err != nil {
		return nil, err
	}
	before, err := afterNumber(list, in.Body.Cursor)
	if err != nil {
		return nil, err
	}
	t := inbox.Trial{On: rules.OfNew, When: in.Body.When, Then: then, Before: before, Limit: in.Body.Limit}
	if in.Body.On != nil {
		t.On = *in.Body.On
	}
	tried, err := s.inbox.TryRule(ctx, actorOf(ctx), t)
	if err != nil {
		return nil, err
	}
	out := RuleTried{LookedAt: tried.LookedAt, Unread: tried.Unread, Items: make([]RuleMatch, 0, len(tried.Matches))}
	if tried.Before != 0 {
		out.NextCursor = newCursor(list, strconv.FormatInt(tried.Before, 10))
	}
	for _, m := range tried.Matches {
		item := RuleMatch{Email: showInboundEmail(m.Email), Reply: m.IsReply, Changes: make([]RuleChange, 0, len(m.Changes))}
		if m.Failure != "" {
			item.Failure = &m.Failure
			out.Failed++
		} else {
			out.Matched++
		}
		for _, c := range m.Changes {
			item.Changes = append(item.Changes, RuleChange{Field: c.Field, From: *c.From, To: *c.To})
		}
		out.Items = append(out.Items, item)
	}
	return &one[RuleTried]{Body: out}, nil
}
