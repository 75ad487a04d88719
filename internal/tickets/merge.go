package tickets

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// Merge moves the thread of a ticket into another one, named by its id or its number, and returns that
// other one. The ticket itself stays as a closed shell that says where its thread went. A ticket that was
// merged before and one of another client are a Conflict.
func (s *Service) Merge(ctx context.Context, by event.Actor, id uuid.UUID, into string) (Ticket, error) {
	var target Ticket
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		intoID, err := ticketNamed(tx, into)
		if err != nil {
			return err
		}
		source, t, err := lockBoth(tx, id, intoID)
		if err != nil {
			return err
		}
		if err := belongs(tx, source, t); err != nil {
			return err
		}
		moveThread(tx, source, t)
		before := t.Status
		detail := takeIn(tx, source, t)
		shut(tx, source, t)
		recordMerge(tx, source, t, kindOf(before, t.Status), detail)
		target = *t
		return nil
	})
	return target, err
}

// ticketNamed finds a ticket by its id or its number, with or without the # that people write before it.
func ticketNamed(tx *db.Tx, name string) (uuid.UUID, error) {
	if id, err := uuid.Parse(name); err == nil {
		return id, nil
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(name, "#"), 10, 64)
	if err != nil {
		return uuid.Nil, fault.New(fault.Invalid, "invalid_ticket", "name the ticket by its id or its number").In("into")
	}
	ids, err := db.Column[uuid.UUID](tx, sqlTicketOfNumber, n)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find ticket %d: %w", n, err)
	}
	if len(ids) == 0 {
		return uuid.Nil, noTarget(name)
	}
	return ids[0], nil
}

func noTarget(name string) error {
	return fault.New(fault.Invalid, "ticket_not_found", "there is no ticket %s to merge into", name).In("into")
}

// lockBoth locks the tickets in the order of their ids: of two merges in opposite directions the second
// waits, and then finds the first one done.
func lockBoth(tx *db.Tx, id, intoID uuid.UUID) (source, target *Ticket, err error) {
	locked, err := db.All[Ticket](tx, sqlLockTickets, []uuid.UUID{id, intoID})
	if err != nil {
		return nil, nil, fmt.Errorf("lock tickets: %w", err)
	}
	for i := range locked {
		if locked[i].ID == id {
			source = &locked[i]
		}
		if locked[i].ID == intoID {
			target = &locked[i]
		}
	}
	switch {
	case source == nil:
		return nil, nil, notFound(id)
	case id == intoID:
		return nil, nil, fault.New(fault.Invalid, "merge_into_itself", "a ticket cannot be merged into itself").In("into")
	case target == nil:
		return nil, nil, noTarget(intoID.String())
	case source.MergedInto.Valid:
		return nil, nil, mergedAway(source)
	case target.MergedInto.Valid:
		return nil, nil, fault.As(mergedAway(target)).In("into")
	}
	return source, target, nil
}

// mergedAway refuses to write on a shell and names the ticket that has its thread.
func mergedAway(t *Ticket) error {
	return fault.New(fault.Conflict, "merged", "ticket #%d was merged into #%d; go on there: %s", t.Number, *t.MergedNumber, t.MergedInto.UUID)
}

// belongs keeps a merge within one client. The sender of a ticket without a client is known by the address
// alone: that address must take part in the other thread already or be a contact of its client. Nothing leaves
// a client by a merge: such a thread would be hidden from its people.
func belongs(tx *db.Tx, source, target *Ticket) error {
	if source.ClientID.Valid && source.ClientID == target.ClientID {
		return nil
	}
	refused := fault.New(fault.Conflict, "merge_across_clients",
		"#%d and #%d are not of one client; link both to a contact of the same client first", source.Number, target.Number)
	// An address that was proved false says nothing.
	if source.ClientID.Valid || source.RequesterAddress == "" || source.Authenticity == "fail" {
		return refused
	}
	var known bool
	if err := tx.QueryRow(sqlBelongs, target.ID, target.ClientID, source.RequesterAddress).Scan(&known); err != nil {
		return fmt.Errorf("find the requester: %w", err)
	}
	if !known {
		return refused
	}
	return nil
}

// moveThread takes along everything that an email may find the thread by: what answers a letter of the
// source continues the target. Ids sort by time, and so do the messages of both.
func moveThread(tx *db.Tx, source, target *Ticket) {
	tx.Queue(sqlKeepNewestAnswers, source.ID, target.ID, db.NewID())
	for _, sql := range []string{sqlMoveMessages, sqlMoveAttachments, sqlMoveLetters, sqlMoveParticipants, sqlMoveShells} {
		tx.Queue(sql, source.ID, target.ID, target.ClientID)
	}
	for _, sql := range []string{sqlMoveReplyTokens, sqlMoveAwaitedParents, sqlMoveEmails} {
		tx.Queue(sql, source.ID, target.ID)
	}
}

// takeIn makes the target what both were together, and notes on it where the new messages come from.
// A closed source leaves nothing to do; an open one stays to be done, as urgently as before.
func takeIn(tx *db.Tx, source, target *Ticket) map[string]any {
	detail := map[string]any{"merged": map[string]any{"id": source.ID, "number": source.Number}, "messages": source.Messages}
	if source.Status != Closed {
		if source.Priority < target.Priority {
			detail["priority"] = map[string]any{"from": target.Priority.String(), "to": source.Priority.String()}
			target.Priority, target.PriorityReasons = source.Priority, []string{}
			for _, why := range source.PriorityReasons {
				target.PriorityReasons = append(target.PriorityReasons, fmt.Sprintf("merged from #%d: %s", source.Number, why))
			}
		}
		if status := afterMerge(target.Status, source.Status); status != target.Status {
			detail["status"] = map[string]any{"from": target.Status, "to": status}
			target.Status = status
		}
	}
	for _, tag := range source.Tags {
		if !slices.Contains(target.Tags, tag) {
			target.Tags = append(target.Tags, tag)
		}
	}
	note := queueMessage(tx, target, authorship{FromSystem, Internal, Person{Name: tx.Actor().Name}},
		Content{Body: fmt.Sprintf("#%d was merged into this ticket: %s", source.Number, source.Subject)})
	detail["message_id"] = note.ID
	target.Held += source.Held
	tx.Queue(sqlTakeIn, target.ID, target.Priority, target.PriorityReasons, target.Tags)
	touch(tx, target, source.Messages+1)
	return detail
}

// shut makes the source a shell.
func shut(tx *db.Tx, source, target *Ticket) {
	source.Version++
	tx.Queue(sqlMergeAway, source.ID, target.ID, target.ClientID, source.Version)
}
