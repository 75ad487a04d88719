package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
)

// Book is the rules that are switched on, compiled, in their order. It does not change.
type Book struct {
	version int64
	rules   []compiled
}

type compiled struct {
	rule      Rule
	condition *Condition
	err       error // why it cannot be asked
}

// Named is a rule as tickets and the ledger name it.
type Named struct {
	ID   uuid.UUID
	Name string
}

// String is what people read.
func (n Named) String() string { return fmt.Sprintf("rule %q (%s)", n.Name, n.ID) }

// Failure is a rule that could not be asked of an email.
type Failure struct {
	Rule Named
	Why  string
}

// Outcome is what the rules want done with one email.
type Outcome struct {
	Matched    []Named
	Priority   string // empty: no rule sets it
	PriorityBy Named
	Tags       []string
	Custom     map[string]any

	NoAcknowledgement bool
	SetAside          bool
	SetAsideBy        Named
	Failed            []Failure
}

// MaxTime is how long one email's rules may take in all: those that are left then are skipped and noted. Sound rules
// take a thousandth of it.
const MaxTime = time.Second

// Open is the rules of that version, from memory where they are there; reader is the caller's transaction.
func (s *Service) Open(reader db.Reader, version int64) (*Book, error) {
	if b := s.book.Load(); b != nil && b.version == version {
		return b, nil
	}
	// Rules may be newer than the version that was read before them: then the next reader sees a newer one, and
	// reads again.
	found, err := db.All[Rule](reader, sqlEnabled)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	b := NewBook(found)
	b.version = version
	s.book.Store(b)
	return b, nil
}

// Version is the number that rises with every change of a rule.
func Version(reader db.Reader) (version int64, err error) {
	err = reader.QueryRow(sqlVersion).Scan(&version)
	return version, err
}

// NewBook compiles rules, in the order given.
func NewBook(of []Rule) *Book {
	b := &Book{rules: make([]compiled, len(of))}
	for i, r := range of {
		condition, err := Compile(r.When)
		b.rules[i] = compiled{rule: r, condition: condition, err: err}
	}
	return b
}

// Empty reports that no rule is on.
func (b *Book) Empty() bool { return b == nil || len(b.rules) == 0 }

// Asks reports whether any rule uses a name.
func (b *Book) Asks(name string) bool {
	return slices.ContainsFunc(b.rules, func(c compiled) bool { return c.condition != nil && c.condition.Asks(name) })
}

// Decide asks each rule in turn. A rule that fails, or that comes after the time, is skipped and named: it costs
// nobody an email.
func (b *Book) Decide(f *Facts) Outcome { return b.decide(f, MaxTime) }

func (b *Book) decide(f *Facts, patience time.Duration) Outcome {
	f.Bound()
	var out Outcome
	began := time.Now()
	for _, c := range b.rules {
		if c.rule.On == OfNew && f.IsReply || c.rule.On == OfReply && !f.IsReply {
			continue
		}
		named := Named{c.rule.ID, c.rule.Name}
		if time.Since(began) > patience {
			out.Failed = append(out.Failed, Failure{named, "the rules before it took longer than " + patience.String()})
			continue
		}
		holds, err := c.ask(f)
		if err != nil {
			out.Failed = append(out.Failed, Failure{named, err.Error()})
			continue
		}
		if !holds {
			continue
		}
		out.follow(named, c.rule.Then)
		if c.rule.Then.Stop || out.SetAside {
			break
		}
	}
	return out
}

func (c compiled) ask(f *Facts) (bool, error) {
	if c.err != nil {
		if refusal := fault.As(c.err); refusal != nil {
			return false, refusal
		}
		return false, c.err
	}
	return c.condition.Holds(f)
}

// follow adds what one rule wants: of two priorities the later one counts.
func (o *Outcome) follow(by Named, then Then) {
	o.Matched = append(o.Matched, by)
	if then.Priority != "" {
		o.Priority, o.PriorityBy = then.Priority, by
	}
	for _, tag := range then.Tags {
		if !slices.Contains(o.Tags, tag) {
			o.Tags = append(o.Tags, tag)
		}
	}
	for name, value := range then.Custom {
		if o.Custom == nil {
			o.Custom = map[string]any{}
		}
		o.Custom[name] = value
	}
	o.NoAcknowledgement = o.NoAcknowledgement || then.NoAcknowledgement
	if then.SetAside != "" {
		o.SetAside, o.SetAsideBy = true, by
	}
}
