package main

import (
	"fmt"
	"slices"

	"github.com/postern-desk/postern/internal/event"
)

// judgement is what is wrong, in words, and what was counted.
type judgement struct {
	lost, doubled []string
	emails        int // in the mailbox
	copies        int // of them, those that a sender sent more than once
	tickets       int
	replies       int
	letters       int
	sentTwice     int // copies of letters beyond the first: at least once is what email can promise
	events        int
}

func (j *judgement) lose(format string, args ...any) {
	j.lost = append(j.lost, fmt.Sprintf(format, args...))
}

func (j *judgement) double(format string, args ...any) {
	j.doubled = append(j.doubled, fmt.Sprintf(format, args...))
}

// exactlyOne complains where n is not 1.
func (j *judgement) exactlyOne(n int, what, of string) {
	switch {
	case n == 0:
		j.lose("no %s of %s", what, of)
	case n > 1:
		j.double("%d times %s of %s", n, what, of)
	}
}

// judge compares what was sent with what there is.
func judge(plan []*planned, f facts) judgement {
	j := judgement{emails: len(f.inbox.emails), tickets: len(f.tickets), letters: len(f.letters), events: len(f.events)}
	j.everyEmailOneRow(f)
	j.everyEmailItsDisposition(plan, f)
	j.everyOpeningOneTicket(plan, f)
	j.everyLetterOnce(f)
	j.everyEventOnce(f)
	j.everyEventInItsPlace(f)
	return j
}

// everyEmailOneRow compares the mailbox with the ledger.
func (j *judgement) everyEmailOneRow(f facts) {
	rows := map[int64]int{}
	for _, r := range f.ledger {
		if r.UIDValidity != f.inbox.uidValidity {
			j.double("a ledger row of UID %d under UIDVALIDITY %d, which the mailbox never had", r.UID, r.UIDValidity)
			continue
		}
		rows[r.UID]++
		if r.Disposition == nil {
			j.lose("the disposition of UID %d", r.UID)
		}
	}
	// The server gives UIDs out without gaps, and most emails were moved away meanwhile.
	for uid := int64(1); uid < f.inbox.uidNext; uid++ {
		j.exactlyOne(rows[uid], "ledger row", fmt.Sprintf("UID %d", uid))
		delete(rows, uid)
	}
	for uid := range rows {
		j.double("a ledger row of UID %d, which the mailbox never gave out", uid)
	}
	if int64(len(f.inbox.emails)) != f.inbox.uidNext-1 {
		j.lose("the mailbox got %d emails and has %d", f.inbox.uidNext-1, len(f.inbox.emails))
	}
	for _, e := range f.inbox.emails {
		if !e.tidied {
			j.lose("the mark or move of email %s", e.messageID)
		}
	}
}

// everyEmailItsDisposition: of the copies of one email the first is routed, the others are duplicates.
func (j *judgement) everyEmailItsDisposition(plan []*planned, f facts) {
	inMailbox, routed, duplicates := map[string]int{}, map[string]int{}, map[string]int{}
	for _, e := range f.inbox.emails {
		inMailbox[e.messageID]++
	}
	wanted := map[string]string{}
	for _, p := range plan {
		if p.role != again {
			wanted[p.id] = disposition[p.role]
		}
	}
	for _, r := range f.ledger {
		switch {
		case r.Disposition == nil:
		case *r.Disposition == "duplicate":
			duplicates[r.MessageID]++
		case *r.Disposition == wanted[r.MessageID]:
			routed[r.MessageID]++
		default:
			j.double("email %s was given the disposition %s, not %s", r.MessageID, *r.Disposition, wanted[r.MessageID])
		}
	}
	for id, as := range wanted {
		if inMailbox[id] == 0 {
			j.lose("email %s, which the mail server took, is in no mailbox", id)
			continue
		}
		j.exactlyOne(routed[id], "disposition "+as, "email "+id)
		j.copies += inMailbox[id] - 1
		if routed[id]+duplicates[id] != inMailbox[id] {
			j.lose("email %s is %d times in the mailbox, %d times routed and %d times a duplicate", id, inMailbox[id], routed[id], duplicates[id])
		}
	}
}

// everyOpeningOneTicket: one ticket for each opening, each reply on its opening's ticket.
func (j *judgement) everyOpeningOneTicket(plan []*planned, f facts) {
	of := map[string][]string{}
	for _, m := range f.messages {
		of[m.MessageID] = append(of[m.MessageID], m.TicketID)
	}
	openings, taken := 0, map[string]bool{}
	for _, p := range plan {
		switch p.role {
		case opening:
			openings++
			j.exactlyOne(len(of[p.id]), "message", "opening "+p.id)
			for _, ticket := range of[p.id] {
				if taken[ticket] {
					j.lose("the ticket of opening %s: it shares one", p.id)
				}
				taken[ticket] = true
			}
		case reply:
			j.replies++
			j.exactlyOne(len(of[p.id]), "message", "reply "+p.id)
			if len(of[p.id]) == 1 && len(of[p.parent.id]) == 1 && of[p.id][0] != of[p.parent.id][0] {
				j.lose("the thread of reply %s: it is on another ticket", p.id)
			}
		}
	}
	if len(f.tickets) > openings {
		j.double("%d tickets for %d openings", len(f.tickets), openings)
	}
}

// everyLetterOnce: one acknowledgement and one notice for each ticket, each delivered.
func (j *judgement) everyLetterOnce(f facts) {
	type owed struct{ ticket, kind, recipient string }
	rows, ours, kinds := map[owed]int{}, map[string]bool{}, map[[2]string]int{}
	for _, l := range f.letters {
		rows[owed{l.TicketID, l.Kind, l.Recipient}]++
		kinds[[2]string{l.TicketID, l.Kind}]++
		ours[l.MessageID] = true
		copies := f.delivered[l.MessageID]
		switch {
		case copies == 0:
			j.lose("letter %s (%s, state %s) was not delivered", l.ID, l.Kind, l.State)
		case l.State != "sent" && l.State != "unknown":
			j.lose("letter %s was delivered and its state is %s", l.ID, l.State)
		}
		j.sentTwice += max(0, copies-1)
	}
	for o, n := range rows {
		if n > 1 {
			j.double("%d letters %s to one recipient about ticket %s", n, o.kind, o.ticket)
		}
	}
	for _, ticket := range f.tickets {
		j.exactlyOne(kinds[[2]string{ticket, "acknowledgement"}], "acknowledgement", "ticket "+ticket)
		j.exactlyOne(kinds[[2]string{ticket, "notice"}], "notice", "ticket "+ticket)
	}
	for id := range f.delivered {
		if !ours[id] && !f.forgotten[id] {
			j.double("a delivered letter %s that nobody owed", id)
		}
	}
}

// everyEventOnce: an event for each public audit entry under the same id, and an entry for each thing that
// happened.
func (j *judgement) everyEventOnce(f facts) {
	audit, public := map[string]int{}, map[string]int{}
	happened := map[[2]string]int{}
	for _, a := range f.audit {
		audit[a.ID]++
		happened[[2]string{a.Kind, a.Subject}]++
		if event.Catalogue[event.Kind(a.Kind)].Public {
			public[a.ID]++
		}
	}
	events := map[string]int{}
	for _, e := range f.events {
		events[e.ID]++
		if public[e.ID] == 0 {
			j.lose("the audit entry of event %s (%s)", e.ID, e.Kind)
		}
	}
	for id, n := range audit {
		j.exactlyOne(n, "audit entry", "event "+id)
	}
	for id := range public {
		j.exactlyOne(events[id], "event", "audit entry "+id)
	}
	for _, ticket := range f.tickets {
		j.exactlyOne(happened[[2]string{string(event.TicketOpened), ticket}], "audit entry of opening", "ticket "+ticket)
	}
	replied, replies := 0, 0
	for key, n := range happened {
		if key[0] == string(event.TicketReplied) {
			replied += n
		}
	}
	for _, r := range f.ledger {
		if r.Disposition != nil && *r.Disposition == "replied" {
			replies++
		}
	}
	if replied != replies {
		j.lose("%d audit entries of replies for %d replies", replied, replies)
	}
}

// everyEventInItsPlace: a subscriber knows by the numbers of a subject's events that none is missing.
func (j *judgement) everyEventInItsPlace(f facts) {
	numbers := map[string][]int64{}
	for _, e := range f.events {
		numbers[e.Subject] = append(numbers[e.Subject], e.Sequence)
	}
	for subject, all := range numbers {
		slices.Sort(all)
		for i, n := range all {
			if n != int64(i+1) {
				j.lose("the order of the events of %s: their numbers are %d", subject, all)
				break
			}
		}
	}
}
