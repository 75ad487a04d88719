package tickets

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/outbox"
)

func (s *scene) post(id uuid.UUID, p Post) Message {
	s.t.Helper()
	if p.Visibility == "" {
		p.Visibility = Everyone
	}
	m, err := s.Post(soon(s.t), sam, id, p)
	must(s.t, err)
	return m
}

// Tried: a thread of an acknowledgement, a client's reply and two answers, the second with a new person
// in copy; all of it read from the bytes that are sent.
func TestAnswerGoesToEachParticipant(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	opened := s.open(func(o *Opening) {
		o.Acknowledge, o.Cc, o.Content.RFCMessageID = true, []Person{bob}, "m1@client.example"
	})
	m := s.post(opened.ID, Post{Body: "Which printer?"})
	s.reply(opened.ID, Reply{From: bob, Content: Content{Body: "The blue one.", RFCMessageID: "m2@client.example"}})
	s.reply(opened.ID, Reply{From: ann, Content: Content{Body: "I am away.", RFCMessageID: "auto@client.example", Automatic: true}})
	eve := Person{Address: "Eve@client.example", Norm: "eve@client.example", Name: "Eve"}
	s.post(opened.ID, Post{Body: "Fixed.", Cc: []Person{eve, ann}})
	all := s.letters(opened.ID)
	ack, first, second := all[0], all[1:3], all[3:]
	if ack.Kind != outbox.Acknowledgement || len(second) != 3 {
		t.Fatalf("%d letters, first a %s", len(all), ack.Kind)
	}
	recipients := func(letters []post) (out []string) {
		for _, l := range letters {
			out = append(out, l.Recipients...)
		}
		slices.Sort(out)
		return out
	}
	if got := recipients(first); !slices.Equal(got, []string{ann.Norm, bob.Norm}) {
		t.Errorf("the first answer goes to %v", got)
	}
	if got := recipients(second); !slices.Equal(got, []string{ann.Norm, bob.Norm, eve.Norm}) {
		t.Errorf("the second answer goes to %v", got)
	}
	tokens := map[string]bool{}
	for _, l := range all[1:] {
		to, _ := l.header.AddressList("To")
		cc, _ := l.header.AddressList("Cc")
		if len(to) != 1 || to[0].Address != ann.Norm || len(cc) < 1 || cc[0].Address != bob.Norm || l.Kind != outbox.Answer || l.header.Get("Auto-Submitted") != "" {
			t.Errorf("to %v, cc %v, %s, auto %q", to, cc, l.Kind, l.header.Get("Auto-Submitted"))
		}
		tok := l.replyToken(t)
		if tokens[tok] {
			t.Error("two letters have one reply address")
		}
		tokens[tok] = true
		if got := s.text(`select concat(ticket_id, ' ', address) from reply_tokens where hash = $1`, ReplyTokenHash(tok)); got != opened.ID.String()+" "+l.Recipients[0] {
			t.Errorf("the reply address of %s leads to %s", l.Recipients[0], got)
		}
		if slices.Contains(l.ids("References"), l.RFCMessageID) || l.ids("References")[0] != "m1@client.example" {
			t.Errorf("References %v", l.ids("References"))
		}
	}
	for _, l := range first { // to the question, beside the acknowledgement of it
		if !slices.Equal(l.ids("In-Reply-To"), []string{"m1@client.example"}) || !slices.Equal(l.ids("References"), []string{"m1@client.example"}) || !strings.Contains(l.raw, "Which printer?") ||
			s.text(`select message_ref::text from letters where id = $1`, l.ID) != m.ID.String() {
			t.Errorf("first answer: In-Reply-To %v, References %v", l.ids("In-Reply-To"), l.ids("References"))
		}
	}
	for _, l := range second { // the automatic reply is nobody's question
		refs := l.ids("References")
		if !slices.Equal(l.ids("In-Reply-To"), []string{"m2@client.example"}) || refs[len(refs)-1] != "m2@client.example" || !slices.Contains(refs, first[0].RFCMessageID) || refs[1] != ack.RFCMessageID || !strings.Contains(l.raw, "The blue one.") {
			t.Errorf("second answer: In-Reply-To %v, References %v", l.ids("In-Reply-To"), refs)
		}
	}
}

func TestNoteGoesToNobody(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	opened := s.open()
	m := s.post(opened.ID, Post{Visibility: Internal, Body: "He is a pain.", Files: []File{{Name: "secret.txt", Type: "text/plain", Sum: blob.Sum{9}}}})
	f := s.get(opened.ID)
	if len(s.letters(opened.ID)) != 0 || f.Messages[1].ID != m.ID || f.Messages[1].Visibility != Internal || f.Messages[1].AuthorID != "sam" || f.Attachments[0].Visibility != Internal {
		t.Errorf("%d letters, thread %s", len(s.letters(opened.ID)), asJSON(f.Messages))
	}
	if got := s.events(opened.ID); got != "opened 1, noted" {
		t.Errorf("recorded %s", got)
	}
	for _, table := range []string{"webhook_events", "river_job", "letters"} {
		if got := s.text(`select count(*)::text from ` + table + ` r where r::text like '%pain%' or r::text like '%secret%'`); got != "0" {
			t.Errorf("the note shows in %s", table)
		}
	}
}

func TestAnswersAreRefusedWithTheirReason(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	second := s.mailbox("second@desk.example")
	opened := s.open()
	ourselves := Person{Address: "Second@desk.example", Norm: second.AddressNorm}
	own := s.open(func(o *Opening) { o.From, o.Cc = ourselves, []Person{{Norm: s.box.AddressNorm}} })
	anonymous := s.open(func(o *Opening) { o.From = Person{} })
	for what, c := range map[string]struct {
		id          uuid.UUID
		p           Post
		kind        fault.Kind
		code, field string
	}{
		"unknown visibility": {opened.ID, Post{Visibility: "secret", Body: "x"}, fault.Invalid, "invalid_visibility", "visibility"},
		"no text":            {opened.ID, Post{Visibility: Everyone}, fault.Invalid, "invalid_body", "body"},
		"long text":          {opened.ID, Post{Visibility: Internal, Body: strings.Repeat("a", 1<<20+1)}, fault.Invalid, "invalid_body", "body"},
		"note with copy":     {opened.ID, Post{Visibility: Internal, Body: "x", Cc: []Person{bob}}, fault.Invalid, "cc_on_note", "cc"},
		"21 in copy":         {opened.ID, Post{Visibility: Everyone, Body: "x", Cc: make([]Person, 21)}, fault.Invalid, "too_many_cc", "cc"},
		"no such ticket":     {uuid.New(), Post{Visibility: Everyone, Body: "x"}, fault.NotFound, "ticket_not_found", ""},
		"to ourselves alone": {own.ID, Post{Visibility: Everyone, Body: "x"}, fault.Conflict, "no_recipient", ""},
		"to nobody":          {anonymous.ID, Post{Visibility: Everyone, Body: "x"}, fault.Conflict, "no_recipient", ""},
		"unusable copy":      {opened.ID, Post{Visibility: Everyone, Body: "x", Cc: []Person{{Norm: "no address"}}}, fault.Invalid, "unusable_letter", ""},
	} {
		_, err := s.Post(soon(t), sam, c.id, c.p)
		wantFault(t, what, err, c.kind, c.code, c.field)
	}
	if f := s.get(opened.ID); len(f.Messages) != 1 || len(f.Participants) != 1 || f.Ticket.Version != 1 || s.text(`select concat((select count(*) from letters), (select count(*) from reply_tokens))`) != "00" {
		t.Errorf("refusals left %s", asJSON(f))
	}
	s.post(opened.ID, Post{Body: "x", Cc: []Person{ourselves, bob}})
	for _, l := range s.letters(opened.ID) {
		if strings.Contains(strings.ToLower(l.header.Get("To")+l.header.Get("Cc")+l.Recipients[0]), "second@") {
			t.Errorf("a mailbox of the desk gets a copy: %v", l.header)
		}
	}
	s.test.Fixture(t, `update tickets set mailbox_id = null; update letters set mailbox_id = gen_random_uuid(); delete from mailboxes`)
	_, err := s.Post(soon(t), sam, opened.ID, Post{Visibility: Everyone, Body: "x"})
	wantFault(t, "no mailbox", err, fault.Conflict, "no_mailbox", "")
}

// Tried: two files, one of them large enough to lie outside of memory, for two recipients.
func TestAnswerCarriesItsFiles(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	opened := s.open(func(o *Opening) { o.Cc = []Person{bob} })
	p := Post{Body: "See the files.", Bytes: map[blob.Sum]*blob.Spool{}}
	contents := [][]byte{[]byte("small content"), bytes.Repeat([]byte("large "), 1<<18)}
	for i, c := range contents {
		spool, err := blob.NewSpool(bytes.NewReader(c))
		must(t, err)
		defer spool.Close()
		p.Bytes[spool.Sum()] = spool
		p.Files = append(p.Files, File{Name: string(rune('a'+i)) + ".bin", Type: "application/x-test", Size: spool.Size(), Sum: spool.Sum()})
	}
	s.post(opened.ID, p)
	letters := s.letters(opened.ID)
	for _, l := range letters {
		flat := strings.NewReplacer("\r", "", "\n", "").Replace(l.raw)
		for _, c := range contents {
			if !strings.Contains(flat, base64.StdEncoding.EncodeToString(c)) {
				t.Errorf("%d bytes are missing from the letter to %v", len(c), l.Recipients)
			}
		}
	}
	if f := s.get(opened.ID); len(letters) != 2 || len(f.Attachments) != 2 || f.Attachments[0].Visibility != Everyone || f.Attachments[1].Size != 6<<18 {
		t.Errorf("%d letters, attachments %s", len(letters), asJSON(f.Attachments))
	}
}

// Tried: one change of every field, changes that are none, and refusals.
func TestTicketIsChangedByHand(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	opened := s.open()
	for what, c := range map[string]struct {
		p      Patch
		detail string
	}{
		"subject":  {Patch{Subject: ptr("Jam")}, `{"subject": true}`},
		"priority": {Patch{Priority: ptr(High)}, `{"priority": {"to": "high", "from": "medium"}}`},
		"tags":     {Patch{Tags: &[]string{"a", "b"}}, `{"tags": ["a", "b"]}`},
		"custom":   {Patch{Custom: &map[string]any{"floor": "3"}}, `{"custom": true}`},
		"status":   {Patch{Status: ptr(InProgress)}, `{"status": {"to": "in_progress", "from": "open"}}`},
	} {
		before := s.get(opened.ID).Ticket
		changed, err := s.set(opened.ID, c.p)
		must(t, err)
		if read := s.get(opened.ID).Ticket; asJSON(read) != asJSON(changed) || changed.Version != before.Version+1 || changed.UpdatedAt.Before(before.UpdatedAt) || !changed.LastMessageAt.Equal(before.LastMessageAt) {
			t.Errorf("%s: changed %s\n   read %s", what, asJSON(changed), asJSON(read))
		}
		if got := s.text(`select detail::text from audit_entries where subject_id = $1 order by seq desc limit 1`, opened.ID.String()); got != c.detail {
			t.Errorf("%s: recorded %s", what, got)
		}
	}
	stands := s.get(opened.ID).Ticket
	for what, p := range map[string]Patch{"nothing": {}, "the same": {Status: ptr(stands.Status), Priority: ptr(stands.Priority), Subject: ptr(stands.Subject)}} {
		if same, err := s.set(opened.ID, p); err != nil || asJSON(same) != asJSON(stands) {
			t.Errorf("%s: %s: %v", what, asJSON(same), err)
		}
	}
	for what, c := range map[string]struct {
		p           Patch
		code, field string
	}{
		"no subject":      {Patch{Subject: ptr("")}, "invalid_subject", "subject"},
		"long subject":    {Patch{Subject: ptr(strings.Repeat("a", 1001))}, "invalid_subject", "subject"},
		"unknown contact": {Patch{ContactID: ptr(uuid.New())}, "contact_not_found", "contact_id"},
	} {
		_, err := s.set(opened.ID, c.p)
		wantFault(t, what, err, fault.Invalid, c.code, c.field)
	}
	_, err := s.Update(soon(t), sam, opened.ID, stands.Version-1, Patch{Subject: ptr("late")})
	wantFault(t, "an old version", err, fault.Stale, "stale_version", "")
	_, err = s.Update(soon(t), sam, uuid.New(), 1, Patch{})
	wantFault(t, "no such ticket", err, fault.NotFound, "ticket_not_found", "")
	if after := s.get(opened.ID).Ticket; asJSON(after) != asJSON(stands) {
		t.Errorf("no change changed %s", asJSON(after))
	}
}

// Tried: a thread with a note, files and letters, linked to one client's contact and then to another's;
// a thread beside it must stay where it is.
func TestLinkMovesTheWholeThread(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	opened, beside := s.open(func(o *Opening) {
		o.Acknowledge, o.Cc, o.Content.Files = true, []Person{bob}, []File{{Name: "a", Sum: blob.Sum{1}}}
	}), s.open()
	s.post(opened.ID, Post{Visibility: Internal, Body: "note"})
	s.post(opened.ID, Post{Body: "answer"})
	const sqlClients = `select string_agg(distinct concat(name, ' ', coalesce(client_id::text, 'none')), ', ' order by concat(name, ' ', coalesce(client_id::text, 'none'))) from (
		select 'ticket' as name, client_id from tickets where id = $1 union all select 'message', client_id from messages where ticket_id = $1
		union all select 'attachment', client_id from attachments where ticket_id = $1 union all select 'participant', client_id from participants where ticket_id = $1
		union all select 'letter', client_id from letters where ticket_id = $1) as t`
	lies := func(id uuid.UUID) string { t.Helper(); return s.text(sqlClients, id) }
	clients := []uuid.NullUUID{{}}
	for _, name := range []string{"Acme", "Bolt"} {
		c, err := s.contacts.CreateClient(soon(t), sam, contacts.ClientFields{Name: &name})
		must(t, err)
		clients = append(clients, uuid.NullUUID{UUID: c.ID, Valid: true})
	}
	for _, client := range []uuid.NullUUID{clients[1], clients[2], clients[0]} {
		f := contacts.Fields{Name: ptr("New contact")}
		want := "none"
		if client.Valid {
			f.ClientID, want = &client.UUID, client.UUID.String()
		}
		c, err := s.contacts.Create(soon(t), sam, f)
		must(t, err)
		linked, err := s.set(opened.ID, Patch{ContactID: &c.ID})
		must(t, err)
		if linked.ContactID.UUID != c.ID || linked.ClientID != client || asJSON(linked) != asJSON(s.get(opened.ID).Ticket) {
			t.Errorf("linked %s", asJSON(linked))
		}
		if got := lies(opened.ID); got != "attachment "+want+", letter "+want+", message "+want+", participant "+want+", ticket "+want {
			t.Errorf("linked to %s: %s", want, got)
		}
	}
	if got := lies(beside.ID); strings.Count(got, "none") != strings.Count(got, ",")+1 {
		t.Errorf("the thread beside: %s", got)
	}
	must(t, s.db.View(soon(t), sam, func(v *db.View) error {
		n, err := db.Column[int64](v, `select count(*) from webhook_events where client_id is not null and type like 'ticket.%'`)
		if n[0] != 2 {
			t.Errorf("%d events are of a client, want those of the two links", n[0])
		}
		return err
	}))
}
