package mailboxes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/vault"
)

var tester = event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}

type scene struct {
	*Service
	t    testing.TB
	test *testdb.DB
}

func newScene(t testing.TB) scene {
	t.Helper()
	test := testdb.New(t)
	d, err := db.Open(context.Background(), test.AppURL, db.Options{AppConns: 4})
	must(t, err)
	t.Cleanup(d.Close)
	return scene{New(d, newVault(t, 1)), t, test}
}

func newVault(t testing.TB, key byte) *vault.Vault {
	t.Helper()
	v, err := vault.New(bytes.Repeat([]byte{key}, vault.KeySize))
	must(t, err)
	return v
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

// fields are what a new mailbox needs.
func fields(address string) Fields {
	return Fields{Address: &address, AddressNorm: strings.ToLower(address),
		IMAP: &Server{Host: "imap.example", Port: 993, Security: "tls", Username: "imap user"}, IMAPPassword: ptr("imap pass word"),
		SMTP: &Server{Host: "smtp.example", Port: 587, Security: "starttls", Username: "smtp user"}, SMTPPassword: ptr("smtp pass word")}
}

func (s scene) add(address string) Mailbox {
	s.t.Helper()
	m, err := s.Create(soon(s.t), tester, fields(address))
	must(s.t, err)
	return m
}

// text is one value of the database.
func (s scene) text(sql string, args ...any) (out string) {
	s.t.Helper()
	must(s.t, s.db.View(soon(s.t), tester, func(v *db.View) error { return v.QueryRow(sql, args...).Scan(&out) }))
	return out
}

func asJSON(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func TestMailboxIsCreatedReadAndChanged(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := s.add("Support@Desk.example")
	read, err := s.Get(soon(t), tester, m.ID)
	must(t, err)
	if asJSON(read) != asJSON(m) || m.Name != "Support@Desk.example" || m.AddressNorm != "support@desk.example" || m.Priority != 2 || m.Start != FromNow ||
		!m.Reopens || !m.SubAddressing || !m.Acknowledges || m.Paused || !slices.Equal(m.Folders, []string{"INBOX"}) || m.IMAP.Username != "imap user" {
		t.Errorf("created %s\n   read %s", asJSON(m), asJSON(read))
	}
	if m.StartAt != m.CreatedAt || time.Since(m.StartAt) > time.Minute {
		t.Errorf("from now on is %v", m.StartAt)
	}
	changed, err := s.Update(soon(t), tester, m.ID, 1, Fields{Name: ptr("Support"), FromName: ptr("Acme"), Folders: &[]string{"INBOX", "Forms"},
		SMTP: &Server{Host: "127.0.0.1", Port: 25, Security: "none"}, StaffAddresses: &[]string{"on-call@desk.example"}, Priority: ptr(1),
		Reopens: ptr(false), SubAddressing: ptr(false), Acknowledges: ptr(false), Paused: ptr(true)})
	must(t, err)
	read, err = s.Get(soon(t), tester, m.ID)
	must(t, err)
	if asJSON(read) != asJSON(changed) || changed.Version != 2 || changed.Address != m.Address || changed.IMAP != m.IMAP || changed.Reopens || !changed.Paused {
		t.Errorf("changed %s\n   read %s", asJSON(changed), asJSON(read))
	}
	second := s.add("second@desk.example")
	if all, err := s.List(soon(t), tester); err != nil || len(all) != 2 || all[0].ID != m.ID || all[1].ID != second.ID {
		t.Errorf("list %s: %v", asJSON(all), err)
	}
	if got := s.text(`select string_agg(kind || ' ' || label, ', ' order by seq) from audit_entries where subject_id = $1`, m.ID.String()); got != "mailbox.created Support@Desk.example, mailbox.updated Support@Desk.example" {
		t.Errorf("recorded %s", got)
	}
}

func TestMailboxesAreRefusedWithTheirReason(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := s.add("support@desk.example")
	many := make([]string, 51)
	server := func(host string, port int, security string) *Server {
		return &Server{Host: host, Port: port, Security: security}
	}
	for what, c := range map[string]struct {
		f           Fields
		code, field string
	}{
		"no name":             {Fields{Name: ptr("  ")}, "invalid_name", "name"},
		"long name":           {Fields{Name: ptr(strings.Repeat("a", 201))}, "invalid_name", "name"},
		"two lines":           {Fields{FromName: ptr("Acme\r\nBcc: all@x.example")}, "invalid_from_name", "from_name"},
		"no folders":          {Fields{Folders: &[]string{}}, "invalid_folders", "folders"},
		"51 folders":          {Fields{Folders: &many}, "invalid_folders", "folders"},
		"priority 0":          {Fields{Priority: ptr(0)}, "invalid_priority", "priority"},
		"priority 4":          {Fields{Priority: ptr(4)}, "invalid_priority", "priority"},
		"another word after":  {Fields{After: ptr("delete")}, "invalid_after", "after"},
		"moved nowhere":       {Fields{After: ptr(AfterMove)}, "invalid_after", "after_folder"},
		"a folder to nowhere": {Fields{AfterFolder: ptr("Done")}, "invalid_after", "after_folder"},
		"moved to itself":     {Fields{After: ptr(AfterMove), AfterFolder: ptr("inbox")}, "invalid_after", "after_folder"},
		"no host":             {Fields{IMAP: server("", 993, "tls")}, "invalid_server", "imap"},
		"port 0":              {Fields{SMTP: server("h", 0, "tls")}, "invalid_server", "smtp"},
		"port 65536":          {Fields{SMTP: server("h", 65536, "tls")}, "invalid_server", "smtp"},
		"plain remote":        {Fields{IMAP: server("imap.example", 143, "none")}, "plain_remote", "imap"},
		"plain remote SMTP":   {Fields{SMTP: server("10.0.0.1", 25, "none")}, "plain_remote", "smtp"},
		"looks like loopback": {Fields{SMTP: server("127.0.0.1.example", 25, "none")}, "plain_remote", "smtp"},
		"any address":         {Fields{SMTP: server("0.0.0.0", 25, "none")}, "plain_remote", "smtp"},
		"no security":         {Fields{IMAP: server("imap.example", 143, "")}, "invalid_security", "imap"},
		"unknown security":    {Fields{IMAP: server("127.0.0.1", 143, "ssl")}, "invalid_security", "imap"},
	} {
		_, err := s.Update(soon(t), tester, m.ID, 1, c.f)
		wantFault(t, "update: "+what, err, fault.Invalid, c.code, c.field)
		f := fields("new@desk.example")
		set(&f.Name, &c.f.Name)
		for _, o := range []struct{ to, from **Server }{{&f.IMAP, &c.f.IMAP}, {&f.SMTP, &c.f.SMTP}} {
			if *o.from != nil {
				*o.to = *o.from
			}
		}
		f.FromName, f.Folders, f.Priority = c.f.FromName, c.f.Folders, c.f.Priority
		f.After, f.AfterFolder = c.f.After, c.f.AfterFolder
		_, err = s.Create(soon(t), tester, f)
		wantFault(t, "create: "+what, err, fault.Invalid, c.code, c.field)
	}
	for what, c := range map[string]struct {
		change      func(*Fields)
		kind        fault.Kind
		code, field string
	}{
		"taken address":    {func(f *Fields) { f.AddressNorm = "support@desk.example" }, fault.Conflict, "address_taken", "address"},
		"no address":       {func(f *Fields) { f.Address, f.AddressNorm = nil, "" }, fault.Invalid, "invalid_address", "address"},
		"unknown start":    {func(f *Fields) { f.Start = ptr("yesterday") }, fault.Invalid, "invalid_start", "start"},
		"date without one": {func(f *Fields) { f.Start = ptr(FromDate) }, fault.Invalid, "start_at_missing", "start_at"},
		"no IMAP password": {func(f *Fields) { f.IMAPPassword = nil }, fault.Invalid, "password_missing", "imap_password"},
		"no SMTP password": {func(f *Fields) { f.SMTPPassword = nil }, fault.Invalid, "password_missing", "smtp_password"},
		"no servers":       {func(f *Fields) { f.IMAP = nil }, fault.Invalid, "invalid_server", "imap"},
	} {
		f := fields("new@desk.example")
		c.change(&f)
		_, err := s.Create(soon(t), tester, f)
		wantFault(t, what, err, c.kind, c.code, c.field)
	}
	_, err := s.Update(soon(t), tester, m.ID, 7, Fields{})
	wantFault(t, "a version to come", err, fault.Stale, "stale_version", "")
	_, err = s.Update(soon(t), tester, uuid.New(), 1, Fields{})
	wantFault(t, "update of none", err, fault.NotFound, "mailbox_not_found", "")
	_, err = s.Get(soon(t), tester, uuid.New())
	wantFault(t, "read of none", err, fault.NotFound, "mailbox_not_found", "")
	if got := s.text(`select count(*)::text from audit_entries`); got != "1" {
		t.Errorf("%s entries, want that of the one mailbox", got)
	}
}

func TestPlainConnectionsStayOnTheMachine(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"127.0.0.1": true, "127.9.9.9": true, "::1": true, "[::1]": true, "localhost": true, "LocalHost": true,
		"::": false, "0.0.0.0": false, "localhost.example": false, "10.0.0.1": false, "": false, "::ffff:127.0.0.1": true, "2130706433": false} {
		if got := isLoopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// Tried: a plain search through every column that can hold a password; another key; a sealed value that
// was made for something else; a mailbox that there is not.
func TestPasswordsAreSealed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	m := s.add("support@desk.example")
	check := func(imap, smtp string) {
		t.Helper()
		got, err := s.Secrets(soon(t), m.ID)
		if err != nil || got.IMAP != imap || got.SMTP != smtp {
			t.Errorf("the passwords came back as others: %v", err)
		}
		for _, shown := range []string{fmt.Sprint(got), fmt.Sprintf("%v %+v %s", got, got, got)} {
			if strings.Contains(shown, "pass") {
				t.Errorf("a log line shows %s", shown)
			}
		}
	}
	check("imap pass word", "smtp pass word")
	_, err := s.Update(soon(t), tester, m.ID, 1, Fields{SMTPPassword: ptr("new pass word")})
	must(t, err)
	check("imap pass word", "new pass word")
	_, err = s.Update(soon(t), tester, m.ID, 2, Fields{IMAPPassword: ptr("other pass word")})
	must(t, err)
	check("other pass word", "new pass word")
	for _, table := range []string{"mailboxes", "mailbox_folders", "audit_entries", "webhook_events", "river_job"} {
		if got := s.text(`select coalesce(string_agg(r::text, ' '), '') from ` + table + ` r where position('pass word' in r::text) > 0 or position(encode('pass word', 'hex') in r::text) > 0`); got != "" {
			t.Errorf("a password lies in %s: %s", table, got)
		}
	}
	if _, err := New(s.db, newVault(t, 2)).Secrets(soon(t), m.ID); !errors.Is(err, vault.ErrSealed) || strings.Contains(err.Error(), "pass word") {
		t.Errorf("with another key: %v", err)
	}
	s.test.Fixture(t, `update mailboxes set smtp_secret = $1`, newVault(t, 1).Seal("letter bytes", []byte("x")))
	if _, err := s.Secrets(soon(t), m.ID); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("sealed for another purpose: %v", err)
	}
	if _, err := s.Secrets(soon(t), uuid.New()); err == nil {
		t.Error("passwords of no mailbox")
	}
}

func TestStartPoints(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		start *string
		at    *time.Time
		want  time.Time // zero: the time of its creation
	}{{nil, nil, time.Time{}}, {ptr(FromNow), nil, time.Time{}}, {ptr(FromDate), &day, day}, {ptr(FromAll), nil, time.Time{}}} {
		f := fields(fmt.Sprintf("m%d@desk.example", i))
		f.Start, f.StartAt = c.start, c.at
		m, err := s.Create(soon(t), tester, f)
		must(t, err)
		if c.want.IsZero() {
			c.want = m.CreatedAt
		}
		read, err := s.Get(soon(t), tester, m.ID)
		if err != nil || !read.StartAt.Equal(c.want) || c.start != nil && read.Start != *c.start {
			t.Errorf("start %s at %v, want %v: %v", read.Start, read.StartAt, c.want, err)
		}
	}
}

// Tried: folders added, taken away and added again; what was read of them must stay known. A failure's
// text comes from the server, whatever its bytes.
func TestFoldersAndHowFarTheyWereRead(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	f := fields("support@desk.example")
	f.Folders = &[]string{"INBOX", "Forms", "INBOX"}
	m, err := s.Create(soon(t), tester, f)
	must(t, err)
	folders := func() (out []Folder) {
		t.Helper()
		out, err := s.FoldersOf(soon(t), m.ID)
		must(t, err)
		return out
	}
	all := folders()
	if len(all) != 2 || all[0].Name != "INBOX" || all[1].Name != "Forms" || all[0].UIDValidity != 0 || all[0].PolledAt != nil {
		t.Fatalf("folders %s", asJSON(all))
	}
	s.test.Fixture(t, `update mailbox_folders set last_uid = 17 where id = $1`, all[1].ID)
	for i, names := range [][]string{{"INBOX"}, {"INBOX", "Forms", "Späm"}} {
		_, err := s.Update(soon(t), tester, m.ID, 1+i, Fields{Folders: &names})
		must(t, err)
	}
	if again := folders(); len(again) != 3 || again[1].ID != all[1].ID || again[1].LastUID != 17 || again[2].Name != "Späm" {
		t.Errorf("folders %s", asJSON(again))
	}
	id := all[0].ID
	must(t, s.Polled(soon(t), id, errors.New("NO "+strings.Repeat("é", 600))))
	failing := folders()[0]
	if failing.FailingSince == nil || len([]rune(*failing.LastError)) != 500 || failing.PolledAt != nil {
		t.Errorf("failing: %s", asJSON(failing))
	}
	must(t, s.Polled(soon(t), id, errors.New("BAD \x00\xff\xfe words")))
	if again := folders()[0]; !again.FailingSince.Equal(*failing.FailingSince) || !strings.HasPrefix(*again.LastError, "BAD") {
		t.Errorf("failing again: %s", asJSON(again))
	}
	must(t, s.Polled(soon(t), id, nil))
	if well := folders()[0]; well.FailingSince != nil || well.LastError != nil || well.PolledAt == nil {
		t.Errorf("well again: %s", asJSON(well))
	}
}

func TestTagGoesBehindTheLocalPart(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"support@desk.example": "support+t-abc@desk.example", "a+b@desk.example": "a+b+t-abc@desk.example"} {
		if got := (Mailbox{Address: address}).WithTag("t-abc"); got != want {
			t.Errorf("%s becomes %s", address, got)
		}
	}
	for address, want := range map[string]string{"a@b.example": "b.example", `"x@y"@z`: "z", "none": "", "": "", "a@": ""} {
		if got := DomainOf(address); got != want {
			t.Errorf("domain of %q: %q", address, got)
		}
	}
}
