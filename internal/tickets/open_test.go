package tickets

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
)

func TestOpenedTicketIsReadBackWhole(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	acme, err := s.contacts.CreateClient(soon(t), sam, contacts.ClientFields{Name: ptr("Acme")})
	must(t, err)
	c, err := s.contacts.Create(soon(t), sam, contacts.Fields{ClientID: &acme.ID, Name: ptr("Ann of Acme"), Email: &ann.Address, EmailNorm: ann.Norm})
	must(t, err)
	s.test.Fixture(t, `insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date) values ($1, 1, 1, 0, 1, 5, now())`, s.box.ID)
	opened := s.open(func(o *Opening) {
		o.Contact, o.From.Name = contacts.Linked{Contact: c}, ""
		o.Cc = []Person{bob, ann, {Address: "nobody"}, bob}
		o.Tags, o.Custom = []string{"printer"}, map[string]any{"floor": 3.0}
		o.Content = Content{Body: "It jams.", FullText: "It jams.\n> old", HTML: "<p>It jams.</p>", RFCMessageID: "m1@client.example", EmailID: 1,
			Problems: []string{"the charset was guessed"}, Authenticity: "pass",
			Files: []File{{Name: "a.txt", Type: "text/plain", Size: 3, Sum: blob.Sum{1}}, {Name: "b.png", Type: "image/png", Size: 4, Sum: blob.Sum{2}, Inline: true, ContentID: "c1"}}}
	})
	f := s.get(opened.ID)
	if asJSON(f.Ticket) != asJSON(opened) {
		t.Errorf("opened %s\n  read %s", asJSON(opened), asJSON(f.Ticket))
	}
	if o := opened; o.Status != Open || o.Number < 1001 || o.ClientID.UUID != acme.ID || o.ContactID.UUID != c.ID || o.MailboxID.UUID != s.box.ID || o.RequesterName != "Ann of Acme" ||
		o.RequesterAddress != ann.Norm || o.Authenticity != "pass" || o.Messages != 1 || o.Version != 1 || o.Burst {
		t.Errorf("opened %s", asJSON(o))
	}
	if got := asJSON(f.Participants); got != `[{"Address":"ann@client.example","Role":"requester","Name":""},{"Address":"bob@client.example","Role":"cc","Name":"Bob"}]` {
		t.Errorf("participants %s", got)
	}
	m := f.Messages[0]
	if len(f.Messages) != 1 || m.Body != "It jams." || *m.FullText != "It jams.\n> old" || *m.HTML != "<p>It jams.</p>" || m.RFCMessageID != "m1@client.example" || *m.EmailID != 1 ||
		m.Visibility != Everyone || m.Origin != FromClient || m.AuthorAddress != ann.Norm || m.ClientID.UUID != acme.ID || !slices.Equal(m.Problems, []string{"the charset was guessed"}) {
		t.Errorf("message %s", asJSON(f.Messages))
	}
	if a := f.Attachments; len(a) != 2 || a[0].Name != "a.txt" || a[1].ContentID != "c1" || !a[1].Inline || a[0].MessageID != m.ID || a[0].Visibility != Everyone || a[1].SHA256[0] != 2 {
		t.Errorf("attachments %s", asJSON(a))
	}
	if a, err := s.Attachment(soon(t), sam, f.Attachments[1].ID); err != nil || asJSON(a) != asJSON(f.Attachments[1]) {
		t.Errorf("attachment %s: %v", asJSON(a), err)
	}
	_, err = s.Attachment(soon(t), sam, uuid.New())
	wantFault(t, "no such attachment", err, fault.NotFound, "attachment_not_found", "")
	_, err = s.Get(soon(t), sam, uuid.New())
	wantFault(t, "no such ticket", err, fault.NotFound, "ticket_not_found", "")
}

// A member sees the tickets of the own client, and of their threads what is for everyone.
func TestMembersSeeTheirClientsThreadsWithoutNotes(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	var ids, clients []uuid.UUID
	for _, name := range []string{"Acme", "Bolt"} {
		c, err := s.contacts.CreateClient(soon(t), sam, contacts.ClientFields{Name: &name})
		must(t, err)
		who, err := s.contacts.Create(soon(t), sam, contacts.Fields{ClientID: &c.ID, Name: &name})
		must(t, err)
		id := s.open(func(o *Opening) { o.Contact.Contact = who }).ID
		_, err = s.Post(soon(t), sam, id, Post{Visibility: Internal, Body: "He is a pain.", Files: []File{{Name: "secret", Sum: blob.Sum{9}}}})
		must(t, err)
		clients, ids = append(clients, c.ID), append(ids, id)
	}
	member := event.Actor{Kind: "api_key", ID: "m", Realm: event.Client, ClientID: clients[0]}
	f, err := s.Get(soon(t), member, ids[0])
	if err != nil || len(f.Messages) != 1 || f.Messages[0].Visibility != Everyone || len(f.Attachments) != 0 || len(f.Participants) != 1 {
		t.Errorf("the own thread: %s: %v", asJSON(f), err)
	}
	_, err = s.Get(soon(t), member, ids[1])
	wantFault(t, "another client's ticket", err, fault.NotFound, "ticket_not_found", "")
	_, err = s.Attachment(soon(t), member, s.get(ids[0]).Attachments[0].ID)
	wantFault(t, "a note's file", err, fault.NotFound, "attachment_not_found", "")
	list, err := s.List(soon(t), member, Filter{}, Page{Sort: Newest, Limit: 10})
	counts, countErr := s.Counts(soon(t), member, Filter{})
	if err != nil || countErr != nil || len(list) != 1 || list[0].ID != ids[0] || counts[Open] != 1 {
		t.Errorf("a member lists %s, counts %v: %v %v", asJSON(list), counts, err, countErr)
	}
}

// Tried: with and without an acknowledgement asked for, staff addresses, a mailbox, a sender's address.
func TestLettersOfAnOpening(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(f *mailboxes.Fields) {
		f.StaffAddresses, f.FromName = &[]string{"day@desk.example", "night@desk.example"}, ptr("Acme Help")
	})
	quiet := s.mailbox("quiet@desk.example")
	for what, c := range map[string]struct {
		alter func(*Opening)
		want  string // kinds and recipients
	}{
		"acknowledged":      {func(o *Opening) { o.Acknowledge = true }, "acknowledgement Ann@client.example, notice day@desk.example, notice night@desk.example"},
		"not asked for":     {func(*Opening) {}, "notice day@desk.example, notice night@desk.example"},
		"without a sender":  {func(o *Opening) { o.Acknowledge, o.From = true, Person{} }, "notice day@desk.example, notice night@desk.example"},
		"unusable sender":   {func(o *Opening) { o.Acknowledge, o.From = true, Person{Address: "nobody", Norm: "nobody"} }, "notice day@desk.example, notice night@desk.example"},
		"quiet mailbox":     {func(o *Opening) { o.Mailbox = &quiet }, ""},
		"quiet, asked for":  {func(o *Opening) { o.Mailbox, o.Acknowledge = &quiet, true }, "acknowledgement Ann@client.example"},
		"no mailbox at all": {func(o *Opening) { o.Mailbox, o.Acknowledge = nil, true }, ""},
	} {
		opened := s.open(c.alter)
		var got []string
		for _, l := range s.letters(opened.ID) {
			got = append(got, l.Kind+" "+l.Recipients[0])
			if to, _ := l.header.AddressList("To"); len(to) != 1 || to[0].Address != l.Recipients[0] || l.header.Get("Cc") != "" || l.header.Get("Auto-Submitted") == "" {
				t.Errorf("%s: a letter to %s, auto %q", what, l.header.Get("To"), l.header.Get("Auto-Submitted"))
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: letters %q, want %q", what, got, c.want)
		}
	}
	opened := s.open(func(o *Opening) { o.Acknowledge, o.Content.RFCMessageID = true, "asked@client.example" })
	ack := s.letters(opened.ID)[0]
	if from, _ := ack.header.AddressList("From"); from[0].Name != "Acme Help" || from[0].Address != "support@desk.example" || !slices.Equal(ack.ids("In-Reply-To"), []string{"asked@client.example"}) ||
		!slices.Equal(ack.ids("References"), []string{"asked@client.example"}) || !strings.Contains(ack.raw, number(&opened)) {
		t.Errorf("acknowledgement %v", ack.header)
	}
	if got := s.text(`select concat(ticket_id, ' ', address) from reply_tokens where hash = $1`, ReplyTokenHash(ack.replyToken(t))); got != opened.ID.String()+" "+ann.Norm {
		t.Errorf("its reply address leads to %s", got)
	}
	if got := s.text(`select message_ref::text from letters where id = $1`, ack.ID); got != s.get(opened.ID).Messages[0].ID.String() {
		t.Errorf("it answers message %s", got)
	}
}

func TestNumbersAreDrawnOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	seen := map[int64]bool{}
	for range 3 {
		s.change(func(tx *db.Tx) error {
			numbers, err := ReserveNumbers(tx, 5)
			if err != nil || len(numbers) != 5 || !slices.IsSorted(numbers) {
				t.Errorf("drew %v: %v", numbers, err)
			}
			for _, n := range numbers {
				if seen[n] || n < 1001 {
					t.Errorf("%d again", n)
				}
				seen[n] = true
			}
			return db.NoChange
		})
	}
}

func TestTicketByFormOrAPI(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(f *mailboxes.Fields) { f.Priority = ptr(3) })
	second := s.mailbox("second@desk.example", func(f *mailboxes.Fields) { f.Acknowledges = ptr(false) })
	known, err := s.contacts.Create(soon(t), sam, contacts.Fields{Name: ptr("Bob"), Email: &bob.Address, EmailNorm: bob.Norm})
	must(t, err)
	silent, err := s.contacts.Create(soon(t), sam, contacts.Fields{Name: ptr("Without address")})
	must(t, err)
	own, err := s.contacts.Create(soon(t), sam, contacts.Fields{Name: ptr("Ourselves"), Email: &second.Address, EmailNorm: second.AddressNorm})
	must(t, err)
	good := NewTicket{Channel: ByAPI, From: ann, Subject: "Help", Body: "Please.", Acknowledge: true}
	for what, c := range map[string]struct {
		alter   func(*NewTicket)
		letters int
		want    func(Ticket) bool
	}{
		"new requester": {func(*NewTicket) {}, 1, func(o Ticket) bool {
			return o.ContactID.Valid && o.RequesterAddress == ann.Norm && o.Priority == Low && o.MailboxID.UUID == s.box.ID && o.Channel == ByAPI
		}},
		"known contact":          {func(n *NewTicket) { n.From, n.ContactID = Person{}, known.ID }, 1, func(o Ticket) bool { return o.ContactID.UUID == known.ID && o.RequesterAddress == bob.Norm }},
		"contact, other address": {func(n *NewTicket) { n.ContactID = known.ID }, 1, func(o Ticket) bool { return o.ContactID.UUID == known.ID && o.RequesterAddress == ann.Norm }},
		"no address at all":      {func(n *NewTicket) { n.From, n.ContactID = Person{}, silent.ID }, 0, func(o Ticket) bool { return o.RequesterAddress == "" && o.RequesterName == "Without address" }},
		"not acknowledged":       {func(n *NewTicket) { n.Acknowledge = false }, 0, func(Ticket) bool { return true }},
		"quiet mailbox":          {func(n *NewTicket) { n.MailboxID = second.ID }, 0, func(o Ticket) bool { return o.MailboxID.UUID == second.ID && o.Priority == Medium }},
		"given priority":         {func(n *NewTicket) { n.Priority, n.Channel = High, ByForm }, 1, func(o Ticket) bool { return o.Priority == High && o.Channel == ByForm }},
		"tags and fields":        {func(n *NewTicket) { n.Tags, n.Custom = []string{"a"}, map[string]any{"b": true} }, 1, func(o Ticket) bool { return o.Tags[0] == "a" && o.Custom["b"] == true }},
	} {
		n := good
		c.alter(&n)
		created, err := s.Create(soon(t), sam, n)
		must(t, err)
		if read := s.get(created.ID).Ticket; asJSON(read) != asJSON(created) || !c.want(created) || len(s.letters(created.ID)) != c.letters {
			t.Errorf("%s: %d letters, created %s\n   read %s", what, len(s.letters(created.ID)), asJSON(created), asJSON(read))
		}
	}
	for what, c := range map[string]struct {
		alter       func(*NewTicket)
		code, field string
	}{
		"no subject":      {func(n *NewTicket) { n.Subject = "" }, "invalid_subject", "subject"},
		"long subject":    {func(n *NewTicket) { n.Subject = strings.Repeat("a", 1001) }, "invalid_subject", "subject"},
		"no text":         {func(n *NewTicket) { n.Body = "" }, "invalid_body", "body"},
		"long text":       {func(n *NewTicket) { n.Body = strings.Repeat("a", 1<<20+1) }, "invalid_body", "body"},
		"nobody":          {func(n *NewTicket) { n.From = Person{} }, "requester_missing", "email"},
		"own address":     {func(n *NewTicket) { n.From = Person{Address: second.Address, Norm: second.AddressNorm} }, "own_address", "email"},
		"own with a tag":  {func(n *NewTicket) { n.From = Person{Address: "support+x@desk.example", Norm: "support+x@desk.example"} }, "own_address", "email"},
		"own contact":     {func(n *NewTicket) { n.From, n.ContactID = Person{}, own.ID }, "own_address", "email"},
		"unknown contact": {func(n *NewTicket) { n.ContactID = uuid.New() }, "contact_not_found", "contact_id"},
		"unknown mailbox": {func(n *NewTicket) { n.MailboxID = uuid.New() }, "mailbox_not_found", "mailbox_id"},
	} {
		n := good
		c.alter(&n)
		_, err := s.Create(soon(t), sam, n)
		wantFault(t, what, err, fault.Invalid, c.code, c.field)
	}
	s.test.Fixture(t, `update tickets set mailbox_id = null; update letters set mailbox_id = gen_random_uuid(); delete from mailboxes`)
	if created, err := s.Create(soon(t), sam, good); err != nil || created.MailboxID.Valid || len(s.letters(created.ID)) != 0 {
		t.Errorf("a desk without mailbox: %s: %v", asJSON(created), err)
	}
}

// An email that claims to belong to a ticket is told to staff, and nothing of it joins the thread.
func TestHeldEmailIsToldToStaff(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(f *mailboxes.Fields) { f.StaffAddresses = &[]string{"day@desk.example"} })
	opened := s.open()
	s.change(func(tx *db.Tx) error {
		o, _, err := db.One[Ticket](tx, sqlLockTicket, opened.ID)
		must(t, err)
		return s.HoldIn(tx, &o, Hold{Mailbox: &s.box, From: Person{Address: "mallory@evil.example"}, Why: "it is from a stranger's address", Tell: true})
	})
	f, letters := s.get(opened.ID), s.letters(opened.ID)
	if f.Ticket.Held != 1 || f.Ticket.Messages != 1 || f.Ticket.Version != 1 || len(f.Messages) != 1 || !f.Ticket.LastMessageAt.Equal(opened.LastMessageAt) {
		t.Errorf("ticket %s", asJSON(f.Ticket))
	}
	if last := letters[len(letters)-1]; last.Kind != outbox.HeldNotice || last.Recipients[0] != "day@desk.example" || !strings.Contains(last.raw, "stranger") {
		t.Errorf("last letter: %s to %v", last.Kind, last.Recipients)
	}
	for _, l := range letters { // the API asks for a key, which no mail program has
		if strings.Contains(l.raw, "http") || strings.Contains(l.raw, opened.ID.String()) {
			t.Errorf("the %s links to the API:\n%s", l.Kind, l.raw)
		}
	}
	if got := s.text(`select kind || detail::text from audit_entries where subject_id = $1 order by seq desc limit 1`, opened.ID.String()); got != `email.held{"why": "it is from a stranger's address"}` {
		t.Errorf("recorded %s", got)
	}
}

// Tried: a change by staff who read the ticket before two emails were held. It goes through, and the events that
// subscribers see are numbered on.
func TestHeldEmailsDoNotOutdateWhatStaffRead(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	opened := s.open()
	for range 2 {
		s.change(func(tx *db.Tx) error {
			o, _, err := db.One[Ticket](tx, sqlLockTicket, opened.ID)
			must(t, err)
			return s.HoldIn(tx, &o, Hold{Mailbox: &s.box, Why: "a stranger"})
		})
	}
	changed, err := s.Update(soon(t), sam, opened.ID, opened.Version, Patch{Subject: ptr("The printer")})
	must(t, err)
	if changed.Held != 2 || changed.Version != opened.Version+1 {
		t.Errorf("held %d at version %d", changed.Held, changed.Version)
	}
	if got := s.events(opened.ID); got != "opened 1, email.held, email.held, updated 2" {
		t.Errorf("recorded %s", got)
	}
}
