package main

import (
	"fmt"
	"strings"
	"testing"
)

// sound is a small world in which nothing went wrong: two openings, a reply, an automatic email, and one
// email that came twice.
func sound() ([]*planned, facts) {
	first := &planned{role: opening, id: "first", from: "ann@a.example"}
	second := &planned{role: opening, id: "second", from: "ben@b.example"}
	plan := []*planned{first, second, {role: reply, id: "answer", from: first.from, parent: first},
		{role: automatic, id: "away", from: "out@c.example"}, {role: again, id: "second", from: second.from, parent: second}}
	f := facts{inbox: folder{uidValidity: 7, uidNext: 6}, delivered: map[string]int{}, tickets: []string{"t1", "t2"},
		messages: []messageRow{{"first", "t1"}, {"second", "t2"}, {"answer", "t1"}}}
	for i, r := range []struct{ id, disposition, ticket string }{{"first", "opened", "t1"}, {"second", "opened", "t2"},
		{"answer", "replied", "t1"}, {"away", "auto_reply", ""}, {"second", "duplicate", "t2"}} {
		f.inbox.emails = append(f.inbox.emails, arrived{uid: int64(i + 1), messageID: r.id, tidied: true})
		f.ledger = append(f.ledger, ledgerRow{UIDValidity: 7, UID: int64(i + 1), MessageID: r.id, Disposition: &r.disposition, TicketID: r.ticket})
	}
	for i, l := range []letterRow{{TicketID: "t1", Kind: "acknowledgement", Recipient: first.from}, {TicketID: "t2", Kind: "acknowledgement", Recipient: second.from},
		{TicketID: "t1", Kind: "notice", Recipient: staffAddress}, {TicketID: "t2", Kind: "notice", Recipient: staffAddress}} {
		l.ID, l.MessageID, l.State = fmt.Sprint("l", i), fmt.Sprint("letter", i), "sent"
		f.letters = append(f.letters, l)
		f.delivered[l.MessageID] = 1
	}
	for i, a := range []recordRow{{Kind: "ticket.opened", Subject: "t1"}, {Kind: "ticket.opened", Subject: "t2"},
		{Kind: "ticket.replied", Subject: "t1"}, {Kind: "email.set_aside", Subject: "inbound_email:4"}, {Kind: "email.set_aside", Subject: "inbound_email:5"}} {
		a.ID = fmt.Sprint("e", i)
		f.audit = append(f.audit, a)
		if a.Kind != "email.set_aside" {
			f.events = append(f.events, eventRow{recordRow: a, Sequence: 1 + int64(i/2)})
		}
	}
	return plan, f
}

func TestASoundWorldIsFoundSound(t *testing.T) {
	t.Parallel()
	j := judge(sound())
	if len(j.lost)+len(j.doubled) > 0 {
		t.Fatalf("lost %q, doubled %q", j.lost, j.doubled)
	}
	if j.emails != 5 || j.copies != 1 || j.tickets != 2 || j.replies != 1 || j.letters != 4 || j.events != 3 || j.sentTwice != 0 {
		t.Errorf("counted %+v", j)
	}
}

// A judge that overlooks a loss would let the whole trial pass.
func TestTheJudgeSeesEveryLossAndDoubling(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		harm    func(*facts)
		lost    string // part of a complaint, empty: none expected
		doubled string
	}{
		"an email without a row": {harm: func(f *facts) { f.ledger = f.ledger[:4] }, lost: "no ledger row of UID 5"},
		"an email with two rows": {harm: func(f *facts) { f.ledger = append(f.ledger, f.ledger[4]) }, doubled: "2 times ledger row of UID 5"},
		"a row without an email": {harm: func(f *facts) {
			f.ledger = append(f.ledger, ledgerRow{UIDValidity: 7, UID: 99, Disposition: text("duplicate")})
		}, doubled: "UID 99, which the mailbox never gave out"},
		"a row of another UIDVALIDITY":       {harm: func(f *facts) { f.ledger[0].UIDValidity = 8 }, doubled: "UIDVALIDITY 8"},
		"a row without a disposition":        {harm: func(f *facts) { f.ledger[0].Disposition = nil }, lost: "the disposition of UID 1"},
		"an email that the server lost":      {harm: func(f *facts) { f.inbox.emails, f.ledger = f.inbox.emails[1:], f.ledger[1:] }, lost: "email first, which the mail server took"},
		"an email that was lost in its move": {harm: func(f *facts) { f.inbox.emails = f.inbox.emails[:4] }, lost: "the mailbox got 5 emails and has 4"},
		"an email that was moved twice": {harm: func(f *facts) { f.inbox.emails = append(f.inbox.emails, f.inbox.emails[0]) },
			lost: "the mailbox got 5 emails and has 6"},
		"an email that was not marked":       {harm: func(f *facts) { f.inbox.emails[1].tidied = false }, lost: "the mark or move of email second"},
		"a gap in the events of a ticket":    {harm: func(f *facts) { f.events[2].Sequence = 3 }, lost: "the order of the events of t1: their numbers are [1 3]"},
		"two events under one number":        {harm: func(f *facts) { f.events[2].Sequence = 1 }, lost: "the order of the events of t1: their numbers are [1 1]"},
		"an email that was routed twice":     {harm: func(f *facts) { f.ledger[4].Disposition = text("opened") }, doubled: "2 times disposition opened of email second"},
		"an email that was never routed":     {harm: func(f *facts) { f.ledger[0].Disposition = text("duplicate") }, lost: "no disposition opened of email first"},
		"an email that was taken wrongly":    {harm: func(f *facts) { f.ledger[2].Disposition = text("opened") }, doubled: "answer was given the disposition opened"},
		"a ticket too many":                  {harm: func(f *facts) { f.tickets = append(f.tickets, "t3") }, doubled: "3 tickets for 2 openings"},
		"two openings on one ticket":         {harm: func(f *facts) { f.messages[1].TicketID = "t1" }, lost: "the ticket of opening second"},
		"an opening without its message":     {harm: func(f *facts) { f.messages = f.messages[1:] }, lost: "no message of opening first"},
		"a reply that stands twice":          {harm: func(f *facts) { f.messages = append(f.messages, f.messages[2]) }, doubled: "2 times message of reply answer"},
		"a reply on a stranger's ticket":     {harm: func(f *facts) { f.messages[2].TicketID = "t2" }, lost: "the thread of reply answer"},
		"a ticket that was not acknowledged": {harm: func(f *facts) { f.letters = f.letters[1:]; delete(f.delivered, "letter0") }, lost: "no acknowledgement of ticket t1"},
		"a letter that is owed twice":        {harm: func(f *facts) { f.letters = append(f.letters, f.letters[0]) }, doubled: "2 letters acknowledgement to one recipient"},
		"a letter that did not arrive":       {harm: func(f *facts) { delete(f.delivered, "letter2") }, lost: "letter l2 (notice, state sent) was not delivered"},
		"a letter delivered and not noted":   {harm: func(f *facts) { f.letters[1].State = "queued" }, lost: "letter l1 was delivered and its state is queued"},
		"a letter that nobody owed":          {harm: func(f *facts) { f.delivered["stray"] = 1 }, doubled: "a delivered letter stray"},
		"an event without its entry":         {harm: func(f *facts) { f.audit = f.audit[1:] }, lost: "the audit entry of event e0"},
		"an entry without its event":         {harm: func(f *facts) { f.events = f.events[1:] }, lost: "no event of audit entry e0"},
		"an event that stands twice":         {harm: func(f *facts) { f.events = append(f.events, f.events[0]) }, doubled: "2 times event of audit entry e0"},
		"an entry that stands twice":         {harm: func(f *facts) { f.audit = append(f.audit, f.audit[3]) }, doubled: "2 times audit entry of event e3"},
		"a ticket that was opened twice":     {harm: func(f *facts) { f.audit[1].Subject = "t1" }, doubled: "2 times audit entry of opening of ticket t1"},
		"a reply that was not recorded":      {harm: func(f *facts) { f.audit = append(f.audit[:2], f.audit[3:]...); f.events = f.events[:2] }, lost: "0 audit entries of replies for 1 replies"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, f := sound()
			c.harm(&f)
			j := judge(plan, f)
			if c.lost != "" && !strings.Contains(strings.Join(j.lost, "\n"), c.lost) {
				t.Errorf("lost %q, want %q among them", j.lost, c.lost)
			}
			if c.doubled != "" && !strings.Contains(strings.Join(j.doubled, "\n"), c.doubled) {
				t.Errorf("doubled %q, want %q among them", j.doubled, c.doubled)
			}
		})
	}
}

// At least once is what email can promise after a kill: it is counted, not condemned.
func TestALetterThatWasSentTwiceIsCounted(t *testing.T) {
	t.Parallel()
	plan, f := sound()
	f.delivered["letter0"], f.delivered["letter3"] = 2, 3
	if j := judge(plan, f); j.sentTwice != 3 || len(j.lost)+len(j.doubled) > 0 {
		t.Errorf("%d sent twice, lost %q, doubled %q; want 3 and nothing wrong", j.sentTwice, j.lost, j.doubled)
	}
}

// A restored desk knows nothing of letters that the one before it sent after the backup.
func TestThePriceOfARestore(t *testing.T) {
	t.Parallel()
	plan, f := sound()
	f.delivered["stray"], f.delivered["letter0"] = 1, 2
	r := &restorer{forgotten: map[string]bool{"stray": true}, repeatable: 1}
	f.forgotten = r.letters()
	j := judge(plan, f)
	if r.limit(&j); len(j.lost)+len(j.doubled) > 0 {
		t.Errorf("lost %q, doubled %q", j.lost, j.doubled)
	}
	r.repeatable, r.lost = 0, []string{"ticket 1, which was committed before the backup began"}
	if r.limit(&j); len(j.lost) != 1 || len(j.doubled) != 1 {
		t.Errorf("lost %q, doubled %q, want one of each", j.lost, j.doubled)
	}
}

func TestARoundCountsWhatItAdded(t *testing.T) {
	t.Parallel()
	all := judgement{emails: 10, copies: 2, tickets: 6, replies: 3, letters: 12, sentTwice: 1, events: 20, lost: []string{"one"}}
	before := judgement{emails: 4, copies: 1, tickets: 2, replies: 1, letters: 4, events: 8}
	got := line("2", all.since(before), 0)
	if want := "    2       6       1        4        2        8           1      12     1        0"; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if len(got) >= len(heading) || len(line("10", all, 9e9)) != len(heading) {
		t.Errorf("the lines do not stand under their heading")
	}
}
