package inbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/inbox"
	triage "github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/internal/tickets"
)

// rule makes one that is on.
func (d *desk) rule(t *testing.T, on, when string, then triage.Then) triage.Rule {
	t.Helper()
	name, enabled := fmt.Sprintf("on %s: %s (%d)", on, when, drawn.Add(1)), true
	r, err := triage.New(d.db).Create(t.Context(), staffActor(), triage.Fields{Name: &name, Enabled: &enabled, On: &on, When: &when, Then: &then})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (d *desk) ticketOf(t *testing.T, id int64, disposition string) tickets.Full {
	t.Helper()
	return d.full(t, d.expect(t, id, disposition).TicketID.UUID)
}

// acknowledgements counts the letters of that kind.
func (d *desk) acknowledgements(t *testing.T) int64 {
	t.Helper()
	return one[int64](t, d, "select count(*) from letters where kind = 'acknowledgement'")
}

// Tried: a rule for new requests over one that matches and one that does not, a mailbox's default beside it, a VIP.
func TestRulesMarkNewTickets(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.rule(t, triage.OfNew, `from_domain == "acme.example"`, triage.Then{Tags: []string{"acme"}, Custom: map[string]any{"team": "east"}})
	last := d.rule(t, triage.OfNew, `lower(subject) contains "newsletter"`, triage.Then{Priority: "low", NoAcknowledgement: true, Tags: []string{"bulk", "acme"}})
	ids := d.accept(t,
		email{from: "Ann <ann@acme.example>", subject: "URGENT newsletter", id: unique(), body: "x"},
		email{from: "bob@other.example", subject: "Help", id: unique(), body: "x"},
		email{from: "eve@acme.example", subject: "Help", id: unique(), body: "x"})
	d.ingest(t, ids...)
	a, b, c := d.ticketOf(t, ids[0], inbox.Opened).Ticket, d.ticketOf(t, ids[1], inbox.Opened).Ticket, d.ticketOf(t, ids[2], inbox.Opened).Ticket
	want := "set by rule \"on new: lower(subject)"
	if a.Priority != tickets.Low || len(a.PriorityReasons) != 1 || !strings.HasPrefix(a.PriorityReasons[0], want) ||
		!strings.Contains(a.PriorityReasons[0], last.ID.String()) || strings.Join(a.Tags, " ") != "acme bulk" || a.Custom["team"] != "east" {
		t.Errorf("marked by both: %+v", a)
	}
	if b.Priority != tickets.Medium || len(b.Tags) != 0 || b.PriorityReasons[0] != "the mailbox's default" {
		t.Errorf("marked by none: %+v", b)
	}
	if c.Priority != tickets.Medium || strings.Join(c.Tags, " ") != "acme" || c.PriorityReasons[0] != "the mailbox's default" {
		t.Errorf("marked by one: %+v", c)
	}
	if n := d.acknowledgements(t); n != 2 {
		t.Errorf("%d acknowledgements, want those of the two others", n)
	}
	detail := one[string](t, d, `select detail::text from audit_entries where kind = 'ticket.opened' and subject_id = $1`, a.ID.String())
	if !strings.Contains(detail, first.ID.String()) || !strings.Contains(detail, last.ID.String()) {
		t.Errorf("the record does not name the rules: %s", detail)
	}
}

// Tried: what a condition may ask beside the email itself: the contact's tags, the client, the mailbox, the header.
func TestRulesKnowWhoWrites(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	people := contacts.New(d.db)
	name, ref, domain, address := "Acme", "C-7", []string{"acme.example"}, "ann@acme.example"
	client, err := people.CreateClient(t.Context(), staffActor(), contacts.ClientFields{Name: &name, CRMRef: &ref, Domains: &domain})
	if err != nil {
		t.Fatal(err)
	}
	tags := []string{"vip"}
	if _, err := people.Create(t.Context(), staffActor(), contacts.Fields{Name: &name, Email: &address, EmailNorm: address, ClientID: &client.ID, Tags: &tags}); err != nil {
		t.Fatal(err)
	}
	for tag, when := range map[string]string{
		"contact": `contact.known and "vip" in contact.tags`, "client": `client.name == "Acme" and client.ref == "C-7"`,
		"mailbox": `mailbox == "support@desk.example"`, "header": `headers["x-shop"] == "Zürich 4"`, "stranger": `not contact.known and not client.known`,
		"to": `"support@desk.example" in to and len(cc) == 0`, "new": `is_new and not is_reply`, "hour": `hour == 12 and weekday == "sunday"`,
		"class": `class == "human" and authenticity == "none"`,
	} {
		d.rule(t, triage.OfNew, when, triage.Then{Tags: []string{tag}})
	}
	ids := d.accept(t,
		email{from: address, subject: "Help", id: unique(), extra: "X-Shop: =?utf-8?q?Z=C3=BCrich?=\r\n 4\r\n", body: "x"},
		email{from: "new@acme.example", subject: "Help", id: unique(), body: "x"})
	d.ingest(t, ids...)
	for i, want := range []string{"class client contact header hour mailbox new to", "class hour mailbox new stranger to"} {
		if got := strings.Join(slices.Sorted(slices.Values(d.ticketOf(t, ids[i], inbox.Opened).Ticket.Tags)), " "); got != want {
			t.Errorf("email %d: tags %s, want %s", i, got, want)
		}
	}
}

// Tried: rules that set aside a new email and a reply, and the way back of both by a person's decision.
func TestRulesSetAside(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := unique()
	ids := d.accept(t, email{from: "ann@client.example", subject: "Help", id: id, body: "x"})
	d.ingest(t, ids...)
	r := d.rule(t, triage.OfAny, `subject contains "casino"`, triage.Then{SetAside: triage.Spam})
	marks := d.rule(t, triage.OfAny, `true`, triage.Then{Tags: []string{"seen"}})
	more := d.accept(t, email{from: "bob@other.example", subject: "casino", id: unique(), body: "x"},
		email{from: "ann@client.example", subject: "Re: casino", id: unique(), inReplyTo: id, body: "x"})
	d.ingest(t, more...)
	spam, held := d.expect(t, more[0], inbox.Spam), d.expect(t, more[1], inbox.Held)
	if !strings.Contains(*spam.Reason, r.ID.String()) || !strings.Contains(*held.Reason, r.ID.String()) || spam.TicketID.Valid || !held.TicketID.Valid {
		t.Errorf("reasons: %s; %s", *spam.Reason, *held.Reason)
	}
	if n := one[int64](t, d, "select count(*) from contacts where email_norm = 'bob@other.example'"); n != 0 {
		t.Error("what is set aside made a contact")
	}
	for i, as := range []string{inbox.AsOpen, inbox.AsJoin} {
		if _, err := d.inbox.Reprocess(t.Context(), staffActor(), more[i], inbox.Again{Apply: true, As: as}); err != nil {
			t.Fatal(err)
		}
	}
	opened, joined := d.ticketOf(t, more[0], inbox.Opened), d.ticketOf(t, more[1], inbox.Replied)
	if len(joined.Messages) != 2 || len(opened.Messages) != 1 {
		t.Errorf("%d and %d messages", len(opened.Messages), len(joined.Messages))
	}
	off := false
	for _, id := range []uuid.UUID{r.ID, marks.ID} {
		if _, err := triage.New(d.db).Update(t.Context(), staffActor(), id, 0, triage.Fields{Enabled: &off}); err != nil {
			t.Fatal(err)
		}
	}
	again := d.accept(t, email{from: "eve@other.example", subject: "casino", id: unique(), body: "x"})
	d.ingest(t, again...)
	d.expect(t, again[0], inbox.Opened)
}

// Tried: replies before and after a rule for them, beside one for new requests, which leaves them as staff set them.
func TestRulesMarkRepliesWhereTold(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.rule(t, triage.OfNew, `subject contains "Help"`, triage.Then{Priority: "low", Tags: []string{"new"}})
	id := unique()
	ids := d.accept(t, email{from: "ann@client.example", subject: "Help", id: id, body: "x"})
	d.ingest(t, ids...)
	ticket := d.ticketOf(t, ids[0], inbox.Opened).Ticket
	high := tickets.High
	if _, err := d.tickets.Update(t.Context(), staffActor(), ticket.ID, 0, tickets.Patch{Priority: &high}); err != nil {
		t.Fatal(err)
	}
	ids = d.accept(t, email{from: "ann@client.example", subject: "Re: Help", id: unique(), inReplyTo: id, body: "cancel it"})
	d.ingest(t, ids...)
	if got := d.ticketOf(t, ids[0], inbox.Replied).Ticket; got.Priority != tickets.High || got.PriorityReasons[0] != "set by Test" {
		t.Errorf("a rule for new requests touched a reply: %s %v", got.Priority, got.PriorityReasons)
	}
	d.rule(t, triage.OfReply, `text contains "cancel"`, triage.Then{Priority: "medium", Tags: []string{"cancel"}, Custom: map[string]any{"asked": true}})
	ids = d.accept(t, email{from: "ann@client.example", subject: "Re: Help", id: unique(), inReplyTo: id, body: "cancel it at last"},
		email{from: "eve@client.example", subject: "Help: cancel", id: unique(), body: "cancel"})
	d.ingest(t, ids...)
	got := d.ticketOf(t, ids[0], inbox.Replied)
	if got.Ticket.Priority != tickets.Medium || strings.Join(got.Ticket.Tags, " ") != "new cancel" || got.Ticket.Custom["asked"] != true || len(got.Messages) != 3 {
		t.Errorf("marked by its reply: %+v", got.Ticket)
	}
	if other := d.ticketOf(t, ids[1], inbox.Opened).Ticket; strings.Join(other.Tags, " ") != "new" {
		t.Errorf("a rule for replies touched a new request: %v", other.Tags)
	}
}

// TestRulesThatFailLoseNoEmail has rules that fail on an email, in the middle of others: the email is a ticket all
// the same, marked by the rules that work; the message says which rule was skipped, and so does the rule.
func TestRulesThatFailLoseNoEmail(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	broken := d.rule(t, triage.OfAny, `cc[3] == "x"`, triage.Then{SetAside: triage.Spam})
	gone := d.rule(t, triage.OfAny, `true`, triage.Then{Priority: "low"})
	// As if a version of the product had saved it that knew more.
	d.exec(t, `begin; set session_replication_role = replica; update rules set condition = 'unheard_of == 1' where id = '`+gone.ID.String()+`'; commit`)
	d.rule(t, triage.OfAny, `true`, triage.Then{Tags: []string{"works"}})
	id := unique()
	ids := d.accept(t, email{from: "ann@client.example", subject: "Help", id: id, body: "x"}, email{from: "bob@client.example", subject: "Help", id: unique(), body: "x"})
	d.ingest(t, ids...)
	more := d.accept(t, email{from: "ann@client.example", subject: "Re: Help", id: unique(), inReplyTo: id, body: "y"})
	d.ingest(t, more...)
	full := d.ticketOf(t, more[0], inbox.Replied)
	if full.Ticket.Priority != tickets.Medium || strings.Join(full.Ticket.Tags, " ") != "works" {
		t.Errorf("the ticket: %+v", full.Ticket)
	}
	for i, m := range full.Messages {
		problems := strings.Join(m.Problems, "\n")
		if strings.Count(problems, "was skipped") != 2 || !strings.Contains(problems, broken.ID.String()) || !strings.Contains(problems, "index out of range") ||
			!strings.Contains(problems, gone.ID.String()) || !strings.Contains(problems, "unknown name unheard_of") {
			t.Errorf("message %d has the problems %s", i, problems)
		}
	}
	d.expect(t, ids[1], inbox.Opened)
	counted, err := triage.New(d.db).Get(t.Context(), staffActor(), broken.ID)
	if err != nil || counted.Failures != 3 || counted.LastError == nil || !strings.Contains(*counted.LastError, "index out of range") || counted.FailedAt == nil || counted.Version != 1 {
		t.Errorf("the rule says %+v, %v", counted, err)
	}
	when := `len(cc) > 3 and cc[3] == "x"`
	if mended, err := triage.New(d.db).Update(t.Context(), staffActor(), broken.ID, 1, triage.Fields{When: &when}); err != nil || mended.Failures != 0 || mended.LastError != nil {
		t.Errorf("mended: %+v, %v", mended, err)
	}
}

// Tried: a rule that one process makes, changes and deletes, over emails that another one routes right after each.
func TestOtherProcessesSeeRulesAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	other := d.start(t, d.urls.AppURL, rules())
	route := func(want string) {
		t.Helper()
		ids := d.accept(t, email{from: "ann@client.example", subject: "Help", id: unique(), body: "x"})
		if err := other.inbox.IngestFirst(t.Context(), ids); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.ticketOf(t, ids[0], inbox.Opened).Ticket.Tags, " "); got != want {
			t.Errorf("tags %q, want %q", got, want)
		}
	}
	route("")
	r := d.rule(t, triage.OfNew, "true", triage.Then{Tags: []string{"one"}})
	route("one")
	route("one")
	then, off := triage.Then{Tags: []string{"two"}}, false
	service := triage.New(d.db)
	if _, err := service.Update(t.Context(), staffActor(), r.ID, 1, triage.Fields{Then: &then}); err != nil {
		t.Fatal(err)
	}
	route("two")
	if _, err := service.Update(t.Context(), staffActor(), r.ID, 2, triage.Fields{Enabled: &off}); err != nil {
		t.Fatal(err)
	}
	route("")
	d.rule(t, triage.OfNew, "is_new", triage.Then{Tags: []string{"three"}})
	route("three")
	if err := service.Delete(t.Context(), staffActor(), r.ID); err != nil {
		t.Fatal(err)
	}
	route("three")
}

// Tried: imported emails and automatic mail under a rule for everything.
func TestRulesLeaveThePastAlone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.rule(t, triage.OfAny, "true", triage.Then{SetAside: triage.Spam})
	ids := d.accept(t, email{from: "ann@client.example", subject: "Away", id: unique(), extra: "Auto-Submitted: auto-replied\r\n", body: "x"},
		email{from: "ann@client.example", subject: "Help", id: unique(), body: "x"})
	d.exec(t, `update mailbox_folders set import_as = 'closed', source = '/old.mbox'`)
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.AutoReply)
	d.expect(t, ids[1], inbox.Opened)
}

// Tried: emails that a rule set aside are found again once the rule is gone, one where it lay, in a folder whose UIDs
// begin anew, and one elsewhere. The first is known and opens no ticket now; the second came by another way.
func TestWhatARuleSetAsideStaysSoInItsFolder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	r := d.rule(t, triage.OfAny, `subject contains "casino"`, triage.Then{SetAside: triage.Spam})
	here := email{from: "bob@other.example", subject: "casino", id: unique(), body: "x"}
	elsewhere := email{from: "eve@other.example", subject: "casino", id: unique(), body: "x"}
	before := d.accept(t, here, elsewhere)
	d.ingest(t, before...)
	for _, id := range before {
		d.expect(t, id, inbox.Spam)
	}
	must(t, triage.New(d.db).Delete(t.Context(), staffActor(), r.ID))
	d.exec(t, fmt.Sprintf("update inbound_emails set folder_id = folder_id + 1000 where id = %d", before[1]))
	var err error
	d.folder, err = d.inbox.Restart(t.Context(), d.folder, inbox.Seen{UIDValidity: d.folder.UIDValidity + 1, UIDNext: 1})
	must(t, err)
	again := d.accept(t, here, elsewhere)
	again = again[len(again)-2:] // the UIDs are those of before
	d.ingest(t, again...)
	d.expect(t, again[0], inbox.Duplicate)
	d.expect(t, again[1], inbox.Opened)
	if n := d.acknowledgements(t); n != 1 {
		t.Errorf("%d acknowledgements, want 1", n)
	}
}
