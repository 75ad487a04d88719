package outage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/webhooks"
)

var tester = event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}

type scene struct {
	*Service
	t     testing.TB
	test  *testdb.DB
	boxes *mailboxes.Service
}

func newScene(t testing.TB, operator string) scene {
	t.Helper()
	test := testdb.New(t)
	d, err := db.Open(context.Background(), test.AppURL, db.Options{AppConns: 4})
	must(t, err)
	t.Cleanup(d.Close)
	v, err := vault.New(bytes.Repeat([]byte{1}, vault.KeySize))
	must(t, err)
	return scene{New(d, outbox.New(d, v, time.Hour), Desk{Desk: wording.Desk{Name: "Desk", Language: "de-AT", TimeZone: "Europe/Vienna"}, Operator: operator}), t, test, mailboxes.New(d, v)}
}

func (s scene) mailbox(address string, staff ...string) mailboxes.Mailbox {
	s.t.Helper()
	server, password := mailboxes.Server{Host: "127.0.0.1", Port: 25, Security: "none"}, "x"
	m, err := s.boxes.Create(soon(s.t), tester, mailboxes.Fields{Address: &address, AddressNorm: address, IMAP: &server, SMTP: &server,
		IMAPPassword: &password, SMTPPassword: &password, StaffAddresses: &staff})
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

var refused = Trouble{Reason: LoginRefused, Detail: "it said: no"}

// fail makes a side fail so often.
func (s scene) fail(m mailboxes.Mailbox, side string, times int) {
	s.t.Helper()
	for range times {
		must(s.t, s.Failed(soon(s.t), m, side, refused))
	}
}

// older makes every outage that much older.
func (s scene) older(by string) {
	s.test.Fixture(s.t, `update mailbox_outages set since = since - $1::interval`, by)
}

func (s scene) text(sql string, args ...any) (out string) {
	s.t.Helper()
	must(s.t, s.db.View(soon(s.t), tester, func(v *db.View) error { return v.QueryRow(sql, args...).Scan(&out) }))
	return out
}

// letters are sender and recipient of each letter, oldest first.
func (s scene) letters() string {
	return s.text(`select coalesce(string_agg(m.address || ' to ' || l.recipients[1], ', ' order by l.id), '')
		from letters l join mailboxes m on m.id = l.mailbox_id where l.kind = 'outage'`)
}

// told are the kinds of events of mailboxes, oldest first.
func (s scene) told() string {
	return s.text(`select coalesce(string_agg(kind, ' ' order by seq), '') from audit_entries where kind in ('mailbox.failing', 'mailbox.recovered')`)
}

// Tried: an outage from its first failure to its end, and the next one of the same mailbox.
func TestOutageIsToldOnceAndItsEnd(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ops@team.example")
	m := s.mailbox("support@desk.example", "staff@team.example")
	s.fail(m, mailboxes.IMAP, 4)
	s.older("4 minutes")
	s.fail(m, mailboxes.IMAP, 1)
	if s.told()+s.letters() != "" {
		t.Errorf("told before five minutes: %s", s.told())
	}
	s.older("1 minute")
	s.fail(m, mailboxes.IMAP, 3)
	if s.told() != "mailbox.failing" || s.letters() != "support@desk.example to ops@team.example" {
		t.Errorf("after five minutes: %q, letters %q", s.told(), s.letters())
	}
	if subject := s.text(`select subject from letters where kind = 'outage'`); subject != "Postfach support@desk.example kann nicht gelesen werden" {
		t.Errorf("the operator's letter is called %q", subject)
	}
	found, err := s.boxes.Get(soon(t), tester, m.ID)
	must(t, err)
	if o, ok := found.Outage(mailboxes.IMAP); !ok || o.Failures != 8 || o.Reason != "login_refused" || o.Detail != "it said: no" || o.ToldAt == nil || time.Since(o.Since) < 5*time.Minute {
		t.Errorf("the mailbox shows %+v", found.Outages)
	}
	if found.Version != m.Version {
		t.Error("an outage is no change of the mailbox by somebody: its version must stay")
	}
	s.older("1 hour")
	must(t, s.Worked(soon(t), m, mailboxes.IMAP))
	must(t, s.Worked(soon(t), m, mailboxes.IMAP))
	s.fail(m, mailboxes.IMAP, 2)
	s.older("1 hour")
	s.fail(m, mailboxes.IMAP, 1)
	if s.told() != "mailbox.failing mailbox.recovered mailbox.failing" || strings.Count(s.letters(), "ops@") != 2 {
		t.Errorf("in the end: %s, letters %q", s.told(), s.letters())
	}
	var all []webhooks.MailboxOutage
	must(t, json.Unmarshal([]byte(s.text(`select json_agg(data order by id)::text from webhook_events where type like 'mailbox.%'`)), &all))
	for i, e := range all {
		if e.Sequence != int64(i+1) || e.Side != "imap" || e.Email != m.Address || e.Summary == "" || e.Remedy == "" {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if len(all) != 3 || all[1].EndedAt == nil || all[1].DurationS < 3900 || all[1].DurationS > 3960 || all[0].EndedAt != nil {
		t.Errorf("events: %+v", all)
	}
}

// Tried: failures that end before anybody is told, on one side, while the other side's goes on.
func TestShortOutageLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ops@team.example")
	m := s.mailbox("support@desk.example")
	s.fail(m, mailboxes.SMTP, 2)
	s.older("1 hour")
	s.fail(m, mailboxes.IMAP, 5)
	must(t, s.Worked(soon(t), m, mailboxes.IMAP))
	if s.told()+s.letters() != "" || s.text(`select string_agg(side || failures, ' ') from mailbox_outages`) != "smtp2" {
		t.Errorf("told %q", s.told())
	}
}

// Tried: who is written to and through which mailbox: an operator or none, other mailboxes that work, fail or
// are paused.
func TestLetterLeavesThroughAMailboxThatWorks(t *testing.T) {
	t.Parallel()
	fails := func(s scene, m mailboxes.Mailbox, side string) {
		s.fail(m, side, 2)
		s.older("1 hour")
		s.fail(m, side, 1)
	}
	for name, c := range map[string]struct {
		operator, want string
		prepare        func(s scene)
	}{
		"alone":                {"", "a@desk.example to x@team.example, a@desk.example to y@team.example", func(scene) {}},
		"beside one":           {"ops@team.example", "b@desk.example to ops@team.example", func(s scene) { s.mailbox("b@desk.example", "z@team.example") }},
		"beside a failing one": {"ops@team.example", "c@desk.example to ops@team.example", func(s scene) { s.fail(s.mailbox("b@desk.example"), "imap", 1); s.mailbox("c@desk.example") }},
		"beside a paused one": {"ops@team.example", "a@desk.example to ops@team.example", func(s scene) {
			m, yes := s.mailbox("b@desk.example"), true
			_, err := s.boxes.Update(soon(s.t), tester, m.ID, 0, mailboxes.Fields{Paused: &yes})
			must(s.t, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, c.operator)
			m := s.mailbox("a@desk.example", "x@team.example", "y@team.example")
			c.prepare(s)
			fails(s, m, mailboxes.SMTP)
			if got := s.letters(); got != c.want {
				t.Errorf("letters %q, want %q", got, c.want)
			}
		})
	}
}

// Tried: many processes that meet the same outage at once, and a server whose words no database takes.
func TestManyFailuresAtOnceAreToldOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ops@team.example")
	m := s.mailbox("support@desk.example")
	s.fail(m, mailboxes.IMAP, 1)
	s.older("1 hour")
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			must(t, s.Failed(soon(t), m, mailboxes.IMAP, Trouble{Throttled, fmt.Sprintf("\x00\xff %d %s", i, strings.Repeat("x", 9000))}))
		})
	}
	all.Wait()
	if s.told() != "mailbox.failing" || strings.Count(s.letters(), "ops@") != 1 {
		t.Errorf("told %q, letters %q", s.told(), s.letters())
	}
	if got := s.text(`select failures || ' ' || length(detail) from mailbox_outages`); got != "13 500" {
		t.Errorf("the outage is %s", got)
	}
}

func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, l := range words.All {
		for _, r := range known {
			summary, remedy := r.Words(l)
			if !strings.HasSuffix(summary, ".") || !strings.HasSuffix(remedy, ".") && !strings.Contains(remedy, "authorize,") || len(remedy) > 200 {
				t.Errorf("%s, %s: %q, %q", l, r, summary, remedy)
			}
		}
		if summary, _ := Reason("of a later version").Words(l); summary != l.T("outage.refused") {
			t.Error("an unknown reason has no words")
		}
	}
}
