package tickets

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
)

func (s *scene) merge(id, into uuid.UUID) Ticket {
	s.t.Helper()
	t, err := s.Merge(soon(s.t), sam, id, into.String())
	must(s.t, err)
	return t
}

// client makes a client with one contact, and says how a ticket of that contact is opened.
func (s *scene) client(name string, p Person) (contacts.Contact, func(*Opening)) {
	s.t.Helper()
	client, err := s.contacts.CreateClient(soon(s.t), sam, contacts.ClientFields{Name: &name})
	must(s.t, err)
	c, err := s.contacts.Create(soon(s.t), sam, contacts.Fields{ClientID: &client.ID, Name: &p.Name, Email: &p.Address, EmailNorm: p.Norm})
	must(s.t, err)
	return c, func(o *Opening) { o.Contact.Contact, o.From = c, p }
}

// hanging counts what hangs on a ticket, by table.
func (s *scene) hanging(id uuid.UUID) string {
	s.t.Helper()
	return s.text(`select concat_ws(' ', (select count(*) from messages where ticket_id = $1), (select count(*) from attachments where ticket_id = $1),
		(select count(*) from participants where ticket_id = $1), (select count(*) from letters where ticket_id = $1),
		(select count(*) from reply_tokens where ticket_id = $1), (select count(*) from awaited_parents where ticket_id = $1),
		(select count(*) from inbound_emails where ticket_id = $1))`, id)
}

// Tried: two tickets of one client by different people, written on in turns; the source has a note, a file,
// a copy, letters, a held email, an email that it waits for, and a row in the ledger.
func TestMergeMovesTheWholeThread(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme, ofAcme := s.client("Acme", ann)
	eve := Person{Address: "eve@client.example", Norm: "eve@client.example", Name: "Eve"}
	target := s.open(ofAcme, func(o *Opening) { o.Tags, o.Priority = []string{"a", "b"}, Medium })
	source := s.open(ofAcme, func(o *Opening) {
		o.From, o.Cc, o.Acknowledge, o.Subject, o.Tags, o.Priority = bob, []Person{eve, ann}, true, "Still jams", []string{"b", "c"}, Low
		o.Content.Files = []File{{Name: "a", Sum: blob.Sum{1}}}
	})
	s.reply(target.ID, Reply{From: ann, Content: Content{Body: "second"}})
	s.post(source.ID, Post{Visibility: Internal, Body: "third"})
	s.reply(target.ID, Reply{From: ann, Content: Content{Body: "fourth"}})
	s.post(source.ID, Post{Body: "fifth"})
	s.change(func(tx *db.Tx) error {
		src, _, err := db.One[Ticket](tx, sqlLockTicket, source.ID)
		must(t, err)
		AwaitParent(tx, &src, "late@x.example")
		return s.HoldIn(tx, &src, Hold{Mailbox: &s.box, Why: "a stranger"})
	})
	s.test.Fixture(t, `insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, disposition, reason, processed_at, ticket_id)
		select $1, 1, 1, 0, 1, 1, now(), 'held', 'x', now(), $2`, s.box.ID, source.ID)
	if had := s.hanging(source.ID); had != "3 1 3 4 4 1 1" {
		t.Fatalf("on the source: %s", had)
	}
	merged := s.merge(source.ID, target.ID)
	full, shell := s.get(target.ID), s.get(source.ID)
	if asJSON(merged) != asJSON(full.Ticket) {
		t.Errorf("told  %s\nreads %s", asJSON(merged), asJSON(full.Ticket))
	}
	if got, left := s.hanging(target.ID), s.hanging(source.ID); got != "7 1 3 4 4 1 1" || left != "0 0 0 0 0 0 0" {
		t.Errorf("on the target: %s, on the source: %s", got, left)
	}
	var bodies []string
	for _, m := range full.Messages {
		bodies = append(bodies, m.Body)
		if m.ClientID != acme.ClientID {
			t.Errorf("%q is of client %v", m.Body, m.ClientID)
		}
	}
	note := fmt.Sprintf("#%d was merged into this ticket: Still jams", source.Number)
	if want := []string{"It jams since Monday.", "It jams since Monday.", "second", "third", "fourth", "fifth", note}; !slices.Equal(bodies, want) {
		t.Errorf("messages %q", bodies)
	}
	if n := full.Messages[6]; n.Visibility != Internal || n.Origin != FromSystem || n.AuthorName != sam.Name || full.Messages[1].AuthorAddress != bob.Norm {
		t.Errorf("the note is %s, by %s; the source's first message is by %s", n.Visibility, n.AuthorName, full.Messages[1].AuthorAddress)
	}
	if full.Messages[1].ID != full.Attachments[0].MessageID || full.Attachments[0].TicketID != target.ID {
		t.Errorf("attachments %s", asJSON(full.Attachments))
	}
	if got := asJSON(full.Participants); got != `[{"Address":"ann@client.example","Role":"requester","Name":"Ann"},{"Address":"bob@client.example","Role":"cc","Name":"Bob"},{"Address":"eve@client.example","Role":"cc","Name":"Eve"}]` {
		t.Errorf("participants %s", got)
	}
	x := full.Ticket
	if x.Messages != 7 || x.Held != 1 || !slices.Equal(x.Tags, []string{"a", "b", "c"}) || x.Priority != Medium || x.Status != Open || x.Subject != "Printer jams" || x.RequesterAddress != ann.Norm {
		t.Errorf("the target is %s", asJSON(x))
	}
	e := shell.Ticket
	if e.Status != Closed || e.ClosedAt == nil || e.MergedInto.UUID != target.ID || *e.MergedNumber != target.Number || e.Messages+e.Held != 0 || e.Subject != "Still jams" || e.RequesterAddress != bob.Norm || len(shell.Messages) != 0 {
		t.Errorf("the source is %s", asJSON(e))
	}
	if got := s.events(source.ID); !strings.HasSuffix(got, ", email.held, merged 4") {
		t.Errorf("events of the source: %s", got)
	}
	if got := s.events(target.ID); got != "opened 1, replied 2, replied 3, updated 4" {
		t.Errorf("events of the target: %s", got)
	}
}

// Tried: a ticket known by a token, a letter, a client's email and an awaited one, merged into a second and
// that one into a third; each clue must lead to the last, as must who takes part.
func TestRepliesToMergedTicketsReachTheLast(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	_, ofAcme := s.client("Acme", ann)
	first := s.open(ofAcme, func(o *Opening) {
		o.Acknowledge, o.From, o.Content.RFCMessageID = true, bob, "client@x.example"
	})
	second, third := s.open(ofAcme), s.open(ofAcme)
	must(t, s.db.Bookkeep(soon(t), "test", func(tx *db.Tx) error {
		AwaitParent(tx, &first, "awaited@x.example")
		AwaitParent(tx, &second, "awaited@x.example")
		return nil
	}))
	ack := s.letters(first.ID)[0]
	clues := []Clue{{TokenHash: ReplyTokenHash(ack.replyToken(t))}, {References: []string{ack.RFCMessageID}}, {References: []string{"client@x.example"}}, {MessageID: "awaited@x.example"}}
	for _, step := range [][2]Ticket{{first, second}, {second, third}} {
		s.merge(step[0].ID, step[1].ID)
		for i, by := range []string{"token", "letters", "references", "awaited"} {
			if got := s.find(clues[i])[0]; got == nil || got.Ticket.ID != step[1].ID || got.By != by || !got.Has(bob.Norm) || !got.Has(ann.Norm) {
				t.Errorf("by %s: %s, want #%d", by, asJSON(got), step[1].Number)
			}
		}
	}
	for _, shell := range []Ticket{first, second} {
		if got := s.get(shell.ID).Ticket; got.MergedInto.UUID != third.ID || *got.MergedNumber != third.Number {
			t.Errorf("#%d says it went to %v", shell.Number, got.MergedInto)
		}
	}
	linked, err := s.set(third.ID, Patch{ContactID: ptr(func() uuid.UUID { c, _ := s.client("Bolt", bob); return c.ID }())})
	must(t, err)
	if got := s.get(first.ID).Ticket.ClientID; got != linked.ClientID {
		t.Errorf("the thread was linked to %v, its shell to %v", linked.ClientID, got)
	}
}

// Tried: a reply that has found its ticket and waits for its lock while that ticket is merged.
func TestReplyThatWaitsForAMergeFollowsIt(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	source, target := s.open(func(o *Opening) { o.Content.RFCMessageID = "source@x.example" }), s.open()
	found := make(chan *Thread, 1)
	s.change(func(tx *db.Tx) error {
		src, dst, err := lockBoth(tx, source.ID, target.ID)
		must(t, err)
		go s.change(func(tx *db.Tx) error {
			threads, err := FindThreads(tx, []Clue{{References: []string{"source@x.example"}}})
			if err == nil {
				s.ReplyIn(tx, threads[0].Ticket, Reply{From: ann, Content: Content{Body: "more"}})
				found <- threads[0]
			}
			return err
		})
		s.untilSomebodyWaits()
		moveThread(tx, src, dst)
		detail := takeIn(tx, src, dst)
		shut(tx, src, dst)
		recordMerge(tx, src, dst, kindOf(Open, Open), detail)
		return nil
	})
	if got := <-found; got.Ticket.ID != target.ID || !got.Has(ann.Norm) {
		t.Errorf("the reply went to %s", asJSON(got))
	}
	// The goroutine's commit comes after it has told.
	for deadline := time.Now().Add(time.Minute); len(s.get(target.ID).Messages) != 4; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages on the target", len(s.get(target.ID).Messages))
		}
	}
	if got := s.get(source.ID); len(got.Messages) != 0 || got.Ticket.Status != Closed {
		t.Errorf("the shell is %s", asJSON(got))
	}
}

// untilSomebodyWaits returns when a connection waits for the lock of a row.
func (s *scene) untilSomebodyWaits() {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if s.text(`select count(*)::text from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) != "0" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("nobody waits")
		}
	}
}

// Tried: merges in opposite directions at once, many times.
func TestOppositeMergesHaveOneWinner(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for range 10 {
		pair := [2]Ticket{s.open(), s.open()}
		var failures [2]error
		var wait sync.WaitGroup
		for i := range pair {
			wait.Go(func() { _, failures[i] = s.Merge(soon(t), sam, pair[i].ID, pair[1-i].ID.String()) })
		}
		wait.Wait()
		won := slices.Index(failures[:], nil)
		if won < 0 || failures[1-won] == nil {
			t.Fatalf("both or none: %v", failures)
		}
		wantFault(t, "the loser", failures[1-won], fault.Conflict, "merged", "into")
		if f := s.get(pair[1-won].ID); len(f.Messages) != 3 || f.Ticket.Messages != 3 {
			t.Errorf("the thread has %d messages", len(f.Messages))
		}
	}
}

// Tried: every relation of two tickets to clients. What is refused changes nothing.
func TestMergeStaysWithinOneClient(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	_, ofAcme := s.client("Acme", ann)
	_, ofBolt := s.client("Bolt", Person{Address: "x@bolt.example", Norm: "x@bolt.example", Name: "X"})
	eve := Person{Address: "eve@x.example", Norm: "eve@x.example"}
	by := func(p Person) func(*Opening) { return func(o *Opening) { o.From = p } }
	proved := func(how string) func(*Opening) {
		return func(o *Opening) { o.Content.Authenticity = how }
	}
	copied := func(o *Opening) { o.Cc = []Person{eve} }
	for what, c := range map[string]struct {
		source, target []func(*Opening)
		may            bool
	}{
		"one client, other address":                {[]func(*Opening){ofAcme, by(bob)}, []func(*Opening){ofAcme}, true},
		"two clients":                              {[]func(*Opening){ofAcme}, []func(*Opening){ofBolt}, false},
		"two clients, one address":                 {[]func(*Opening){ofAcme}, []func(*Opening){ofBolt, by(ann)}, false},
		"unlinked into its contact's client":       {[]func(*Opening){by(ann)}, []func(*Opening){ofAcme, by(bob)}, true},
		"forged into that client":                  {[]func(*Opening){by(ann), proved("fail")}, []func(*Opening){ofAcme, by(bob)}, false},
		"unlinked into another client":             {[]func(*Opening){by(ann)}, []func(*Opening){ofBolt}, false},
		"unlinked into a client, of one address":   {[]func(*Opening){by(bob)}, []func(*Opening){ofAcme, by(bob)}, true},
		"stranger into a client":                   {[]func(*Opening){by(eve)}, []func(*Opening){ofAcme}, false},
		"stranger who is in copy there":            {[]func(*Opening){by(eve)}, []func(*Opening){ofAcme, copied}, true},
		"linked into unlinked":                     {[]func(*Opening){ofAcme}, []func(*Opening){by(ann)}, false},
		"unlinked, one address":                    {[]func(*Opening){by(eve)}, []func(*Opening){by(eve)}, true},
		"unlinked, two addresses":                  {[]func(*Opening){by(eve)}, []func(*Opening){by(ann)}, false},
		"unlinked, no address":                     {[]func(*Opening){by(Person{})}, []func(*Opening){by(Person{})}, false},
		"unlinked, who copied the target's person": {[]func(*Opening){by(bob), func(o *Opening) { o.Cc = []Person{eve} }}, []func(*Opening){by(eve)}, false},
	} {
		source, target := s.open(c.source...), s.open(c.target...)
		before := s.hanging(source.ID) + s.hanging(target.ID)
		got, err := s.Merge(soon(t), sam, source.ID, target.ID.String())
		if c.may {
			if shell := s.get(source.ID).Ticket; err != nil || shell.ClientID != target.ClientID || got.ClientID != target.ClientID {
				t.Errorf("%s: %v, the shell is of %v", what, err, shell.ClientID)
			}
			if other := s.text(`select count(*)::text from messages where ticket_id = $1 and client_id is distinct from $2`, target.ID, target.ClientID); other != "0" {
				t.Errorf("%s: %s messages are not of the target's client", what, other)
			}
			continue
		}
		wantFault(t, what, err, fault.Conflict, "merge_across_clients", "")
		if after := s.hanging(source.ID) + s.hanging(target.ID); after != before || s.get(source.ID).Ticket.Version != 1 || s.get(target.ID).Ticket.Version != 1 {
			t.Errorf("%s was refused and left %s, was %s", what, after, before)
		}
	}
}

// Tried: every pair of statuses, and a source that is more urgent, as urgent or less.
func TestMergedTicketKeepsWhatIsToBeDone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	// By row: the target's status. By column: what it is once the source of that status was merged in.
	want := map[Status]map[Status]Status{
		Open:       {Open: Open, InProgress: Open, Waiting: Open, Closed: Open},
		InProgress: {Open: InProgress, InProgress: InProgress, Waiting: InProgress, Closed: InProgress},
		Waiting:    {Open: Open, InProgress: Open, Waiting: Waiting, Closed: Waiting},
		Closed:     {Open: Open, InProgress: Open, Waiting: Open, Closed: Closed},
	}
	in := func(status Status) uuid.UUID {
		o := s.open(func(o *Opening) { o.Priority = Medium })
		_, err := s.set(o.ID, Patch{Status: &status})
		must(t, err)
		return o.ID
	}
	for into, row := range want {
		for from, status := range row {
			target := in(into)
			got := s.merge(in(from), target)
			if got.Status != status || (got.ClosedAt != nil) != (status == Closed) || asJSON(got) != asJSON(s.get(target).Ticket) {
				t.Errorf("%s into %s is %s, want %s", from, into, got.Status, status)
			}
			last := s.text(`select kind from audit_entries where subject_id = $1 order by seq desc limit 1`, target.String())
			if reopened := into == Closed && status == Open; (last == "ticket.reopened") != reopened || !reopened && last != "ticket.updated" {
				t.Errorf("%s into %s is recorded as %s", from, into, last)
			}
		}
	}
	for _, c := range []struct {
		source, target, want Priority
		closed               bool
	}{{High, Low, High, false}, {High, Low, Low, true}, {Low, High, High, false}, {Medium, Medium, Medium, false}} {
		source := s.open(func(o *Opening) { o.Priority = c.source })
		target := s.open(func(o *Opening) { o.Priority = c.target })
		if c.closed {
			_, err := s.set(source.ID, Patch{Status: ptr(Closed)})
			must(t, err)
		}
		reasons := target.PriorityReasons
		if c.want != c.target {
			reasons = []string{fmt.Sprintf("merged from #%d: set when the ticket was opened", source.Number)}
		}
		if got := s.merge(source.ID, target.ID); got.Priority != c.want || !slices.Equal(got.PriorityReasons, reasons) || asJSON(got) != asJSON(s.get(target.ID).Ticket) {
			t.Errorf("%s into %s: %s %q", c.source, c.target, got.Priority, got.PriorityReasons)
		}
	}
}

// Tried: targets that there are not, and everything that can be done to a ticket that was merged.
func TestMergedTicketsTakeNothingMore(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	shell, target, beside := s.open(), s.open(), s.open()
	stale := shell.Version
	_, err := s.Merge(soon(t), sam, shell.ID, fmt.Sprintf("#%d", target.Number))
	must(t, err)
	_, err = s.Merge(soon(t), sam, s.open().ID, fmt.Sprint(target.Number))
	must(t, err)
	before := s.text(`select count(*)::text from audit_entries`)
	for what, c := range map[string]struct {
		id   uuid.UUID
		into string
		kind fault.Kind
		code string
		in   string
	}{
		"itself":           {beside.ID, beside.ID.String(), fault.Invalid, "merge_into_itself", "into"},
		"its own number":   {beside.ID, fmt.Sprint(beside.Number), fault.Invalid, "merge_into_itself", "into"},
		"no such target":   {beside.ID, uuid.NewString(), fault.Invalid, "ticket_not_found", "into"},
		"no such number":   {beside.ID, "999999", fault.Invalid, "ticket_not_found", "into"},
		"words":            {beside.ID, "the other", fault.Invalid, "invalid_ticket", "into"},
		"nothing":          {beside.ID, "", fault.Invalid, "invalid_ticket", "into"},
		"huge number":      {beside.ID, strings.Repeat("9", 30), fault.Invalid, "invalid_ticket", "into"},
		"no such source":   {uuid.New(), target.ID.String(), fault.NotFound, "ticket_not_found", ""},
		"merged source":    {shell.ID, beside.ID.String(), fault.Conflict, "merged", ""},
		"a second time":    {shell.ID, target.ID.String(), fault.Conflict, "merged", ""},
		"merged target":    {beside.ID, shell.ID.String(), fault.Conflict, "merged", "into"},
		"back to where it": {target.ID, shell.ID.String(), fault.Conflict, "merged", "into"},
	} {
		_, err := s.Merge(soon(t), sam, c.id, c.into)
		wantFault(t, what, err, c.kind, c.code, c.in)
		if names := fmt.Sprintf("#%d was merged into #%d; go on there: %s", shell.Number, target.Number, target.ID); c.code == "merged" && !strings.Contains(err.Error(), names) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, version := range []int{stale, s.get(shell.ID).Ticket.Version} {
		_, err = s.Update(soon(t), sam, shell.ID, version, Patch{Status: ptr(Open)})
		wantFault(t, "a change", err, fault.Conflict, "merged", "")
	}
	for _, visibility := range []string{Internal, Everyone} {
		_, err = s.Post(soon(t), sam, shell.ID, Post{Visibility: visibility, Body: "x"})
		wantFault(t, "a message", err, fault.Conflict, "merged", "")
	}
	if after := s.text(`select count(*)::text from audit_entries`); after != before {
		t.Errorf("%s audit entries, then %s", before, after)
	}
	if listed := s.pages(sam, Filter{}, Newest, 10, nil); !slices.Equal(listed, []uuid.UUID{beside.ID, target.ID}) {
		t.Errorf("listed %v", listed)
	}
	found, err := s.List(soon(t), sam, Filter{Merged: true, Words: fmt.Sprint(shell.Number)}, Page{Sort: Newest, Limit: 10})
	if err != nil || len(found) != 1 || found[0].ID != shell.ID || *found[0].MergedNumber != target.Number {
		t.Errorf("asked for shells: %s: %v", asJSON(found), err)
	}
}

// Tried: random merges among tickets that were written on. Nothing is lost, and every shell names a ticket
// that is none.
func TestAnyMergesLoseNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(rt, "tickets")
		var ids []uuid.UUID
		for range n {
			ids = append(ids, s.open(func(o *Opening) { o.Acknowledge = true }).ID)
		}
		merged := 0
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			a, b := rapid.SampledFrom(ids).Draw(rt, "source"), rapid.SampledFrom(ids).Draw(rt, "target")
			if rapid.Bool().Draw(rt, "write") {
				if s.get(a).Ticket.MergedInto.Valid {
					continue
				}
				s.reply(a, Reply{From: ann, Content: Content{Body: "more"}})
			} else if _, err := s.Merge(soon(s.t), sam, a, b.String()); err == nil {
				merged++
			} else if fault.As(err) == nil {
				rt.Fatal(err)
			}
		}
		for _, broken := range []string{
			`select count(*) from tickets t where messages <> (select count(*) from messages m where m.ticket_id = t.id)`,
			`select count(*) from tickets t join tickets i on i.id = t.merged_into where i.merged_into is not null or t.status <> 'closed'`,
			`select count(*) from letters l join tickets t on t.id = l.ticket_id where t.merged_into is not null`,
			`select count(*) from reply_tokens r join tickets t on t.id = r.ticket_id where t.merged_into is not null`,
		} {
			if got := s.text(`select (` + broken + `)::text`); got != "0" {
				rt.Fatalf("%s rows are wrong: %s", got, broken)
			}
		}
		if left := s.text(`select count(*)::text from tickets where id = any($1) and merged_into is null`, ids); left != fmt.Sprint(n-merged) {
			rt.Fatalf("%s of %d tickets are left after %d merges", left, n, merged)
		}
	})
}
