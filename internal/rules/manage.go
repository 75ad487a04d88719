package rules

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// The bounds of rules.
const (
	MaxRules    = 200
	maxPosition = 1_000_000
	maxTags     = 20
	step        = 10 // between a new rule and the last one, so that others fit between them
)

// Fields is what may be set of a rule; nil leaves a field as it is.
type Fields struct {
	Name     *string
	Position *int // of a new rule: behind all others
	Enabled  *bool
	On       *string
	When     *string
	Then     *Then
}

// List reads all rules in their order; there are few.
func (s *Service) List(ctx context.Context, by event.Actor) (found []Rule, err error) {
	err = s.db.View(ctx, by, func(v *db.View) error {
		found, err = db.All[Rule](v, sqlAll)
		return err
	})
	return found, err
}

// Get reads one rule.
func (s *Service) Get(ctx context.Context, by event.Actor, id uuid.UUID) (r Rule, err error) {
	err = s.db.View(ctx, by, func(v *db.View) (err error) {
		r, err = one(v, sqlGet, id)
		return err
	})
	return r, err
}

func one(r db.Reader, sql string, id uuid.UUID) (Rule, error) {
	found, ok, err := db.One[Rule](r, sql, id)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "rule_not_found", "there is no rule %s", id)
	}
	return found, err
}

// Create adds a rule; it is off unless told otherwise, so that it can be tried first.
func (s *Service) Create(ctx context.Context, by event.Actor, f Fields) (Rule, error) {
	r := Rule{ID: db.NewID(), On: OfNew, Version: 1}
	if err := f.apply(&r); err != nil {
		return Rule{}, err
	}
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		if _, err := tx.Exec(sqlNextVersion); err != nil {
			return fmt.Errorf("raise the version of the rules: %w", err)
		}
		var count, last int
		if err := tx.QueryRow(sqlCount).Scan(&count); err != nil {
			return err
		}
		if count >= MaxRules {
			return fault.New(fault.Conflict, "too_many_rules", "there are %d rules, the most that there may be; delete or join some", count)
		}
		if err := tx.QueryRow(sqlLastPosition).Scan(&last); err != nil {
			return err
		}
		if f.Position == nil {
			r.Position = min(last+step, maxPosition)
		}
		r.CreatedAt, r.UpdatedAt = tx.Now(), tx.Now()
		_, err := tx.Exec(sqlInsert, r.ID, r.Name, r.Position, r.Enabled, r.On, r.When, r.Then)
		if err != nil {
			return nameTaken(err)
		}
		record(tx, event.RuleCreated, r)
		return nil
	})
	return r, err
}

// Update changes a rule that is still at that version, or at any where that is 0; a later one is a Stale fault.
func (s *Service) Update(ctx context.Context, by event.Actor, id uuid.UUID, version int, f Fields) (Rule, error) {
	var r Rule
	err := s.db.Change(ctx, by, func(tx *db.Tx) (err error) {
		if _, err := tx.Exec(sqlNextVersion); err != nil {
			return fmt.Errorf("raise the version of the rules: %w", err)
		}
		if r, err = one(tx, sqlLock, id); err != nil {
			return err
		}
		if version != 0 && r.Version != version {
			return fault.New(fault.Stale, "stale_version", "the rule was changed meanwhile; read it again")
		}
		if err := f.apply(&r); err != nil {
			return err
		}
		r.Version, r.UpdatedAt = r.Version+1, tx.Now()
		_, err = tx.Exec(sqlUpdate, r.ID, r.Name, r.Position, r.Enabled, r.On, r.When, r.Then, r.Failures, r.LastError, r.FailedAt, r.Version)
		if err != nil {
			return nameTaken(err)
		}
		record(tx, event.RuleUpdated, r)
		return nil
	})
	return r, err
}

// Delete removes a rule. What it did stays.
func (s *Service) Delete(ctx context.Context, by event.Actor, id uuid.UUID) error {
	return s.db.Change(ctx, by, func(tx *db.Tx) error {
		if _, err := tx.Exec(sqlNextVersion); err != nil {
			return fmt.Errorf("raise the version of the rules: %w", err)
		}
		r, err := one(tx, sqlLock, id)
		if err != nil {
			return err
		}
		tx.Queue(sqlDelete, id)
		r.Version++
		record(tx, event.RuleDeleted, r)
		return nil
	})
}

// record keeps what the rule says: the audit trail tells what was in force when.
func record(tx *db.Tx, kind event.Kind, r Rule) {
	tx.Record(event.Event{Kind: kind, SubjectID: r.ID.String(), Sequence: int64(r.Version), Label: r.Name,
		Detail: map[string]any{"position": r.Position, "enabled": r.Enabled, "on": r.On, "when": r.When, "then": r.Then}})
}

func nameTaken(err error) error {
	if db.Violates(err, "rules_by_name") {
		return fault.New(fault.Conflict, "rule_name_taken", "another rule has this name; tickets name their rule, so choose another").In("name")
	}
	return err
}

// CountFailures notes rules that failed on emails of the caller's transaction.
func CountFailures(tx *db.Tx, failed []Failure) {
	if len(failed) == 0 {
		return
	}
	at := map[uuid.UUID]int{}
	var ids []uuid.UUID
	var counts []int64
	var why []string
	for _, f := range failed {
		i, known := at[f.Rule.ID]
		if !known {
			i = len(ids)
			at[f.Rule.ID], ids, counts, why = i, append(ids, f.Rule.ID), append(counts, 0), append(why, "")
		}
		counts[i]++
		why[i] = f.Why
	}
	tx.Queue(sqlCountFailures, ids, counts, why)
}

func (f Fields) apply(r *Rule) error {
	set(&r.Name, f.Name)
	set(&r.Position, f.Position)
	set(&r.Enabled, f.Enabled)
	set(&r.On, f.On)
	set(&r.Then, f.Then)
	if f.When != nil && *f.When != r.When {
		r.When, r.Failures, r.LastError, r.FailedAt = *f.When, 0, nil, nil
	}
	switch {
	case strings.TrimSpace(r.Name) == "" || len(r.Name) > 100 || strings.ContainsAny(r.Name, "\r\n\x00"):
		return fault.New(fault.Invalid, "invalid_name", "a rule needs a name of at most 100 bytes on one line").In("name")
	case r.Position < 0 || r.Position > maxPosition:
		return fault.New(fault.Invalid, "invalid_position", "a rule's position is between 0 and %d; the lowest is asked first", maxPosition).In("position")
	}
	if _, err := Compile(r.When); err != nil {
		return err
	}
	return Check(r.On, r.Then)
}

// Check refuses what no rule can do.
func Check(on string, then Then) error {
	switch {
	case on != OfNew && on != OfReply && on != OfAny:
		return fault.New(fault.Invalid, "invalid_on", "a rule is asked of new, reply or any emails").In("on")
	case then.Priority != "" && then.Priority != "high" && then.Priority != "medium" && then.Priority != "low":
		return fault.New(fault.Invalid, "invalid_priority", "priority must be high, medium or low").In("then.priority")
	case then.SetAside != "" && then.SetAside != Spam:
		return fault.New(fault.Invalid, "invalid_then", "an email is set aside as spam; a reply is then held on its ticket").In("then.set_aside")
	case len(then.Tags) > maxTags || len(then.Custom) > maxTags:
		return fault.New(fault.Invalid, "invalid_then", "a rule adds at most %d tags and %d custom fields", maxTags, maxTags).In("then")
	case then.Priority == "" && len(then.Tags) == 0 && len(then.Custom) == 0 && !then.NoAcknowledgement && then.SetAside == "" && !then.Stop:
		return fault.New(fault.Invalid, "invalid_then", "say what follows: priority, tags, custom, no_acknowledgement, set_aside or stop").In("then")
	case then.SetAside != "" && (then.Priority != "" || len(then.Tags) > 0 || len(then.Custom) > 0 || then.NoAcknowledgement):
		return fault.New(fault.Invalid, "invalid_then", "an email that is set aside has no ticket to mark; leave the rest out").In("then.set_aside")
	case on == OfReply && then.NoAcknowledgement:
		return fault.New(fault.Invalid, "invalid_then", "replies are never acknowledged; leave no_acknowledgement out").In("then.no_acknowledgement")
	}
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
