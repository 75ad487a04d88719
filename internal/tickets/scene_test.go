package tickets

import (
	"bytes"
	"context"
	"encoding/json"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/vault"
)

var (
	sam = event.Actor{Kind: "api_key", ID: "sam", Name: "Sam Staff", Realm: event.Staff}
	ann = Person{Address: "Ann@client.example", Norm: "ann@client.example", Name: "Ann"}
	bob = Person{Address: "bob@client.example", Norm: "bob@client.example", Name: "Bob"}
)

// scene is a helpdesk with one mailbox, on a database of a test's own.
type scene struct {
	*Service
	t         testing.TB
	test      *testdb.DB
	contacts  *contacts.Service
	mailboxes *mailboxes.Service
	box       mailboxes.Mailbox
}

// newScene makes the helpdesk; change may alter its mailbox.
func newScene(t testing.TB, change ...func(*mailboxes.Fields)) *scene {
	t.Helper()
	test := testdb.New(t)
	d, err := db.Open(context.Background(), test.AppURL, db.Options{AppConns: 4, ClientConns: 2})
	must(t, err)
	t.Cleanup(d.Close)
	v, err := vault.New(bytes.Repeat([]byte{1}, vault.KeySize))
	must(t, err)
	blobs := blob.New(d)
	s := &scene{t: t, test: test, contacts: contacts.New(d), mailboxes: mailboxes.New(d, v),
		Service: New(d, outbox.New(d, v, time.Hour), blobs, Desk{Name: "Acme Support"})}
	s.box = s.mailbox("support@desk.example", change...)
	return s
}

func (s *scene) mailbox(address string, change ...func(*mailboxes.Fields)) mailboxes.Mailbox {
	s.t.Helper()
	server, password := mailboxes.Server{Host: "127.0.0.1", Port: 25, Security: "none"}, "x"
	f := mailboxes.Fields{Address: &address, AddressNorm: address, IMAP: &server, SMTP: &server, IMAPPassword: &password, SMTPPassword: &password}
	for _, c := range change {
		c(&f)
	}
	m, err := s.mailboxes.Create(soon(s.t), sam, f)
	must(s.t, err)
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ptr[T any](v T) *T { return &v }

func wantFault(t testing.TB, what string, err error, kind fault.Kind, code, field string) {
	t.Helper()
	if f := fault.As(err); f == nil || f.Kind != kind || f.Code != code || f.Field != field {
		t.Errorf("%s: got %#v (%v), want %s %s in %q", what, f, err, kind, code, field)
	}
}

// change runs fn in a change.
func (s *scene) change(fn func(*db.Tx) error) {
	s.t.Helper()
	must(s.t, s.db.Change(soon(s.t), sam, fn))
}

// open opens a ticket as an email of Ann's does.
func (s *scene) open(alter ...func(*Opening)) Ticket {
	s.t.Helper()
	o := Opening{Mailbox: &s.box, Channel: ByEmail, From: ann, Subject: "Printer jams", Content: Content{Body: "It jams since Monday.", RFCMessageID: uuid.NewString() + "@client.example"}}
	for _, a := range alter {
		a(&o)
	}
	var t Ticket
	s.change(func(tx *db.Tx) error {
		numbers, err := ReserveNumbers(tx, 1)
		if err != nil {
			return err
		}
		o.Number = numbers[0]
		opened, err := s.OpenIn(tx, o)
		if err == nil {
			t = *opened
		}
		return err
	})
	return t
}

// reply adds a client's email to a ticket.
func (s *scene) reply(id uuid.UUID, r Reply) (m Message) {
	s.t.Helper()
	s.change(func(tx *db.Tx) error {
		t, ok, err := db.One[Ticket](tx, sqlLockTicket, id)
		if !ok || err != nil {
			s.t.Fatalf("lock the ticket: %v %v", ok, err)
		}
		m = s.ReplyIn(tx, &t, r)
		return nil
	})
	return m
}

func (s *scene) get(id uuid.UUID) Full {
	s.t.Helper()
	f, err := s.Get(soon(s.t), sam, id)
	must(s.t, err)
	return f
}

// set changes a ticket by hand, at its present version.
func (s *scene) set(id uuid.UUID, p Patch) (Ticket, error) {
	s.t.Helper()
	return s.Update(soon(s.t), sam, id, s.get(id).Ticket.Version, p)
}

func (s *scene) text(sql string, args ...any) (out string) {
	s.t.Helper()
	must(s.t, s.db.View(soon(s.t), sam, func(v *db.View) error { return v.QueryRow(sql, args...).Scan(&out) }))
	return out
}

// events are the kinds recorded of a ticket, with the sequences told to subscribers.
func (s *scene) events(id uuid.UUID) string {
	s.t.Helper()
	return s.text(`select string_agg(concat_ws(' ', replace(a.kind, 'ticket.', ''), w.sequence), ', ' order by a.seq)
		from audit_entries a left join webhook_events w on w.id = a.event_id where a.subject_id = $1`, id.String())
}

// post is a letter as it is sent.
type post struct {
	outbox.Letter
	header mail.Header
	raw    string
}

// letters are the letters of a ticket in the order they were owed, read from their stored bytes.
func (s *scene) letters(id uuid.UUID) []post {
	s.t.Helper()
	all, err := s.outbox.List(soon(s.t), sam, outbox.Filter{TicketID: id}, uuid.Nil, 100)
	must(s.t, err)
	slices.Reverse(all)
	var out []post
	for _, l := range all {
		a, _, ok, err := s.outbox.Claim(soon(s.t), outbox.Owed{ID: l.ID})
		if !ok || err != nil {
			s.t.Fatalf("claim a letter: %v %v", ok, err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(a.Raw))
		must(s.t, err)
		out = append(out, post{l, m.Header, string(a.Raw)})
	}
	return out
}

// ids are the Message-IDs of a header field, without brackets.
func (p post) ids(field string) []string {
	return strings.Fields(strings.NewReplacer("<", " ", ">", " ").Replace(p.header.Get(field)))
}

// replyToken is the token of the letter's reply address.
func (p post) replyToken(t testing.TB) string {
	t.Helper()
	a, err := mail.ParseAddress(p.header.Get("Reply-To"))
	if err != nil {
		t.Fatalf("Reply-To %q: %v", p.header.Get("Reply-To"), err)
	}
	tok, ok := strings.CutPrefix(strings.TrimSuffix(a.Address, "@desk.example"), "support+"+ReplyTag)
	if !ok {
		t.Fatalf("replies go to %s", a.Address)
	}
	return tok
}

func asJSON(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}
