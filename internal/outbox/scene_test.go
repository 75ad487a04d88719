package outbox

import (
	"bytes"
	"context"
	"fmt"
	"net/mail"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/mail/letter"
)

var tester = event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}

const patience = 5 * 24 * time.Hour

type scene struct {
	*Outbox
	t    testing.TB
	test *testdb.DB
	box  mailboxes.Mailbox
}

func newScene(t testing.TB) scene {
	t.Helper()
	test := testdb.New(t)
	d, err := db.Open(context.Background(), test.AppURL, db.Options{AppConns: 4})
	must(t, err)
	t.Cleanup(d.Close)
	v, err := vault.New(bytes.Repeat([]byte{1}, vault.KeySize))
	must(t, err)
	server, password, address := mailboxes.Server{Host: "127.0.0.1", Port: 25, Security: "none"}, "x", "support@desk.example"
	box, err := mailboxes.New(d, v).Create(soon(t), tester, mailboxes.Fields{Address: &address, AddressNorm: address, IMAP: &server, SMTP: &server,
		IMAPPassword: &password, SMTPPassword: &password})
	must(t, err)
	return scene{New(d, v, patience), t, test, box}
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

// draft is an answer to Ann.
func (s scene) draft() Draft {
	return Draft{Kind: Answer, Mailbox: s.box, Recipient: "ann@client.example", To: []letter.Address{{Name: "Ann", Address: "ann@client.example"}},
		FromName: "Acme", Words: letter.Rendered{Subject: "Re: Help", Text: "Try again.\n", HTML: "<p>Try again.</p>"},
		InReplyTo: "parent@client.example", References: []string{"first@client.example", "parent@client.example"}}
}

// queue owes a letter in a change of its own.
func (s scene) queue(d Draft) (l Letter) {
	s.t.Helper()
	must(s.t, s.db.Change(soon(s.t), tester, func(tx *db.Tx) (err error) {
		tx.Record(event.Event{Kind: event.ClientUpdated, SubjectID: "x"})
		l, err = s.Queue(tx, d)
		return err
	}))
	return l
}

// claim claims the letter, due or not, and fails the test where nothing is to be sent.
func (s scene) claim(id uuid.UUID) Attempt {
	s.t.Helper()
	s.test.Fixture(s.t, `update letters set next_attempt_at = now() where id = $1`, id)
	a, wait, ok, err := s.Claim(soon(s.t), Owed{ID: id})
	if err != nil || !ok || wait != 0 {
		s.t.Fatalf("claim: ok %v, wait %v, %v", ok, wait, err)
	}
	return a
}

// settle makes an attempt end so and returns when the next one is due.
func (s scene) settle(a Attempt, outcome string, code int, text string) time.Duration {
	s.t.Helper()
	again, err := s.Settle(soon(s.t), a.Letter, Report{Outcome: outcome, Code: code, Text: text})
	must(s.t, err)
	return again
}

func (s scene) text(sql string, args ...any) (out string) {
	s.t.Helper()
	must(s.t, s.db.View(soon(s.t), tester, func(v *db.View) error { return v.QueryRow(sql, args...).Scan(&out) }))
	return out
}

// state is where a letter stands: state, attempts, unknowns, last code and error, seconds to the next attempt.
func (s scene) state(id uuid.UUID) string {
	s.t.Helper()
	return s.text(`select concat_ws(' ', state, attempts, unknowns, coalesce(last_code::text, '-'), coalesce(last_error, '-'),
		case when state in ('queued', 'unknown') then round(extract(epoch from next_attempt_at - now()) / 5) * 5 else 0 end) from letters where id = $1`, id)
}

// jobs are the unfinished jobs that send the letter.
func (s scene) jobs(id uuid.UUID) string {
	s.t.Helper()
	return s.text(`select count(*)::text from river_job where kind = 'send_letter' and args ->> 'letter_id' = $1 and finalized_at is null`, id.String())
}

func parse(t testing.TB, raw []byte) *mail.Message {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(fmt.Errorf("the stored bytes are no email: %w", err))
	}
	return m
}
