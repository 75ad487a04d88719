package outbox

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/token"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/mail/letter"
)

// Tried: a search for the reply token, and for the letter's words, in every row of every table, as text
// and as bytes.
func TestQueuedBytesAreSealed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tok := token.ForAddress()
	d := s.draft()
	d.ReplyTag = "t-" + tok
	l := s.queue(d)
	var tables []string
	must(t, s.db.View(soon(t), tester, func(v *db.View) (err error) {
		tables, err = db.Column[string](v, `select c.relname::text from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and has_table_privilege(oid, 'select')`)
		return err
	}))
	if !slices.Contains(tables, "letter_bytes") || !slices.Contains(tables, "river_job") {
		t.Fatalf("searched %v", tables)
	}
	for _, secret := range []string{tok, "Try again"} {
		for _, table := range tables {
			if got := s.text(`select count(*)::text from `+table+` r where strpos(lower(r::text), lower($1)) > 0 or strpos(r::text, $2) > 0`, secret, hex.EncodeToString([]byte(secret))); got != "0" {
				t.Errorf("%q lies open in %s", secret, table)
			}
		}
	}
	attempt := s.claim(l.ID)
	raw := attempt.Raw
	m := parse(t, raw)
	if got := m.Header.Get("Reply-To"); got != "<support+t-"+tok+"@desk.example>" && got != "support+t-"+tok+"@desk.example" {
		t.Errorf("Reply-To %q", got)
	}
	other, err := vault.New(bytes.Repeat([]byte{2}, vault.KeySize))
	must(t, err)
	s.settle(attempt, "temporary", 451, "")
	s.test.Fixture(t, `update letters set next_attempt_at = now() where id = $1`, l.ID)
	if a, _, _, err := New(s.db, other, patience).Claim(soon(t), Owed{ID: l.ID}); err != nil || a.Raw != nil || a.Flaw != flawSealed {
		t.Errorf("opened with another key: %v, %q", err, a.Flaw)
	}
}

func TestLetterSaysWhatTheDraftSays(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	d := s.draft()
	d.Cc = []letter.Address{{Address: "bob@client.example"}}
	d.Attachments = []letter.Attachment{{Name: "a.txt", Type: "text/plain", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("content")), nil }}}
	d.Words.Auto = letter.AutoReplied
	l := s.queue(d)
	claimed := s.claim(l.ID)
	m := parse(t, claimed.Raw)
	for name, want := range map[string]string{"From": `"Acme" <support@desk.example>`, "To": `"Ann" <ann@client.example>`, "Cc": "<bob@client.example>", "Subject": "Re: Help",
		"Message-Id": "<" + l.RFCMessageID + ">", "In-Reply-To": "<parent@client.example>", "Auto-Submitted": "auto-replied"} {
		if got := strings.NewReplacer(`"`, "", "<bob@client.example>", "bob@client.example").Replace(m.Header.Get(name)); got != strings.NewReplacer(`"`, "", "<bob@client.example>", "bob@client.example").Replace(want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := strings.Join(strings.Fields(m.Header.Get("References")), " "); got != "<first@client.example> <parent@client.example>" {
		t.Errorf("References: %s", got)
	}
	if at, err := m.Header.Date(); err != nil || at.Unix() != l.CreatedAt.Unix() {
		t.Errorf("Date: %v %v", at, err)
	}
	if l.State != Queued || !l.GiveUpAt.Equal(l.CreatedAt.Add(patience)) || !slices.Equal(l.Recipients, []string{"ann@client.example"}) {
		t.Errorf("letter %+v", l)
	}
	tag, ok := strings.CutPrefix(claimed.EnvelopeFrom, "support+"+BounceTag)
	tok := strings.TrimSuffix(tag, "@desk.example")
	if !ok || !token.IsForAddress(tok) || s.text(`select (bounce_hash = $2)::text from letters where id = $1`, l.ID, token.Hash("bounce", tok)) != "true" {
		t.Errorf("bounces come to %s", claimed.EnvelopeFrom)
	}
}

func TestMailboxWithoutSubAddressing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	d := s.draft()
	d.ReplyTag, d.Mailbox.SubAddressing = "t-"+token.ForAddress(), false
	l := s.queue(d)
	a := s.claim(l.ID)
	if m := parse(t, a.Raw); a.EnvelopeFrom != "support@desk.example" || m.Header.Get("Reply-To") != "" {
		t.Errorf("envelope %s, Reply-To %q", a.EnvelopeFrom, m.Header.Get("Reply-To"))
	}
}

func TestUnusableLetterIsTold(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	broken := errors.New("broken")
	for what, change := range map[string]func(*Draft){
		"no recipient":    func(d *Draft) { d.To = nil },
		"broken address":  func(d *Draft) { d.To[0].Address = "no address" },
		"injected header": func(d *Draft) { d.Words.Subject = "Re\r\nBcc: all@x.example" },
		"lost attachment": func(d *Draft) {
			d.Attachments = []letter.Attachment{{Name: "a", Type: "b/c", Open: func() (io.ReadCloser, error) { return nil, broken }}}
		},
	} {
		d := s.draft()
		change(&d)
		err := s.db.Change(soon(t), tester, func(tx *db.Tx) error {
			tx.Record(event.Event{Kind: event.ClientUpdated, SubjectID: "x"})
			_, err := s.Queue(tx, d)
			if !errors.Is(err, ErrUnusable) || strings.Contains(err.Error(), "example") {
				t.Errorf("%s: %v", what, err)
			}
			return nil // the change goes on without the letter
		})
		must(t, err)
	}
	if got := s.text(`select concat((select count(*) from letters), (select count(*) from letter_bytes), (select count(*) from river_job))`); got != "000" {
		t.Errorf("letters, bytes, jobs: %s", got)
	}
}

func TestLetterExistsOnlyWithItsChange(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	err := s.db.Change(soon(t), tester, func(tx *db.Tx) error {
		_, err := s.Queue(tx, s.draft())
		return err // and nothing recorded
	})
	if got := s.text(`select concat((select count(*) from letters), (select count(*) from letter_bytes), (select count(*) from river_job))`); !errors.Is(err, db.ErrUnrecorded) || got != "000" {
		t.Errorf("letters, bytes, jobs: %s: %v", got, err)
	}
	l := s.queue(s.draft())
	if got := s.jobs(l.ID); got != "1" {
		t.Errorf("%s jobs for the letter", got)
	}
}

func TestLettersAreListed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ticket, other := uuid.New(), uuid.New()
	s.test.Fixture(t, `insert into tickets (id, number, channel, subject, priority, priority_reasons) values ($1, 1, 'api', 'a', 2, '{}'), ($2, 2, 'api', 'b', 2, '{}')`, ticket, other)
	var all []Letter
	for i := range 8 {
		d := s.draft()
		d.TicketID = []uuid.UUID{ticket, other}[i%2]
		all = append(all, s.queue(d))
	}
	for _, i := range []int{0, 3, 4} {
		s.settle(s.claim(all[i].ID), "accepted", 250, "")
	}
	slices.Reverse(all)
	sent := []uuid.UUID{all[7].ID, all[4].ID, all[3].ID}
	for what, c := range map[string]struct {
		f    Filter
		want func(Letter) bool
	}{
		"all":          {Filter{}, func(Letter) bool { return true }},
		"state":        {Filter{State: Sent}, func(l Letter) bool { return slices.Contains(sent, l.ID) }},
		"ticket":       {Filter{TicketID: ticket}, func(l Letter) bool { return l.TicketID.UUID == ticket }},
		"both":         {Filter{TicketID: ticket, State: Sent}, func(l Letter) bool { return l.TicketID.UUID == ticket && slices.Contains(sent, l.ID) }},
		"no such":      {Filter{State: Failed}, func(Letter) bool { return false }},
		"other ticket": {Filter{TicketID: uuid.New()}, func(Letter) bool { return false }},
	} {
		var got, want []uuid.UUID
		for _, l := range all {
			if c.want(l) {
				want = append(want, l.ID)
			}
		}
		for after := uuid.Nil; ; after = got[len(got)-1] {
			page, err := s.List(soon(t), tester, c.f, after, 2)
			must(t, err)
			for _, l := range page {
				got = append(got, l.ID)
			}
			if len(page) < 2 {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	if l := all[7]; !l.CreatedAt.Equal(l.NextAttemptAt) || time.Since(l.CreatedAt) > time.Minute {
		t.Errorf("times %v %v", l.CreatedAt, l.NextAttemptAt)
	}
}
