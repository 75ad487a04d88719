package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/embedded"
)

// ownDesk is a desk that runs a PostgreSQL of its own, beside a mail server that is somebody else's.
func ownDesk(t *testing.T) *service {
	t.Helper()
	mail, err := embedded.StartMail(t.Context(), embedded.MailConfig{Dir: t.TempDir(), SMTPAddr: "127.0.0.1:0", IMAPAddr: "127.0.0.1:0", Password: password, Domain: "desk.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mail.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := &service{}
	s.SMTP, s.IMAP, s.IMAPPassword, s.SupportAddress, s.dir = mail.SMTPAddr(), mail.IMAPAddr(), password, "support@desk.example", openFolder(t)
	s.API = "http://" + freePort(t)
	s.settings = []string{"POSTERN_DATA_DIR=" + s.dir, "POSTERN_LISTEN=" + strings.TrimPrefix(s.API, "http://"), "POSTERN_POLL_INTERVAL=1s",
		"POSTERN_MAILBOX_PASSWORD=" + password, "POSTERN_TICKET_LIMIT_DOMAIN=100000/1s", "POSTERN_DESK_NAME=Harbour desk"}
	succeed(t, s.settings, "mailbox", "add", s.SupportAddress, "--imap", s.IMAP, "--imap-security=none", "--smtp", s.SMTP, "--smtp-security=none", "--from=all")
	s.APIKey = strings.TrimSpace(succeed(t, s.settings, "apikey", "create", "--name", "Test"))
	return s
}

// elsewhere is the same desk with another data folder.
func (s *service) elsewhere(t *testing.T) *service {
	t.Helper()
	other := *s
	other.dir = openFolder(t)
	other.settings = append(slices.Clone(s.settings), "POSTERN_DATA_DIR="+other.dir)
	return &other
}

// A desk is backed up while email flows and dies after it; what is restored elsewhere has everything from
// before the backup, and reads the rest from the mail server again: every email is a ticket, once.
func TestADeskIsRestoredElsewhereAndGoesOn(t *testing.T) {
	t.Parallel()
	s := ownDesk(t)
	s.serve(t)
	var sent []string // subjects, in order
	post := func(prefix string, n int) {
		for i := range n {
			subject := fmt.Sprintf("%s %d", prefix, i)
			s.send(t, fmt.Sprintf("%s%d@client.example", prefix, i), s.SupportAddress, subject, "", "x")
			sent = append(sent, subject)
		}
	}
	post("before", 10)
	answered := s.ticket(t, "before 9")
	s.ask(t, "POST", "/v1/tickets/"+answered.text("id")+"/messages", object{"visibility": "everyone", "body": "Kept in the backup."})
	var flow sync.WaitGroup
	flow.Go(func() { post("during", 30) })
	dir := filepath.Join(t.TempDir(), "backup")
	out := succeed(t, s.settings, "backup", dir)
	flow.Wait()
	if !strings.Contains(out, "keep it as you keep a password") || !strings.Contains(out, " tickets, ") {
		t.Errorf("backup says\n%s", out)
	}
	settings, err := os.ReadFile(filepath.Join(dir, "settings.toml"))
	if err != nil || !strings.Contains(string(settings), `desk_name = "Harbour desk"`) || strings.Contains(string(settings), password) {
		t.Errorf("settings: %v\n%s", err, settings)
	}
	s.ticket(t, "during 29") // it comes after the backup or before its end
	s.child.kill()

	other := s.elsewhere(t)
	if out := succeed(t, other.settings, "restore", dir); !strings.Contains(out, "restored the desk of") {
		t.Errorf("restore says\n%s", out)
	}
	other.serve(t)
	post("after", 5)
	for _, subject := range sent {
		other.ticket(t, subject) // fails where there are two
	}
	thread := other.thread(t, other.ticket(t, "before 9").text("id"))
	if !strings.Contains(fmt.Sprint(thread), "Kept in the backup.") {
		t.Errorf("the answer is gone: %v", thread)
	}
	if got := other.ticket(t, "before 9"); got.text("id") != answered.text("id") {
		t.Errorf("the ticket %s became %s", answered.text("id"), got.text("id"))
	}
	// A new letter leaves, so the mailbox's password could be opened.
	other.ask(t, "POST", "/v1/tickets/"+answered.text("id")+"/messages", object{"visibility": "everyone", "body": "Sent from elsewhere."})
	other.letter(t, "before9@client.example", "Sent from elsewhere.")
}

// Tried: a running desk, a used folder, another desk's key, a folder without a desk, a backup without its key.
func TestRestoreTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	s := ownDesk(t)
	dir, keyless := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "keyless")
	succeed(t, s.settings, "backup", dir)
	succeed(t, s.settings, "backup", keyless, "--without-key")
	if _, err := os.Stat(filepath.Join(keyless, "secret.key")); err == nil {
		t.Error("the key is in a backup without it")
	}
	other, third := s.elsewhere(t), s.elsewhere(t)
	if err := os.WriteFile(filepath.Join(third.dir, "secret.key"), make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	nobody := append(slices.Clone(s.settings), "POSTERN_DATA_DIR="+filepath.Join(t.TempDir(), "none"))
	for _, c := range []struct {
		settings []string
		args     []string
		want     string
	}{
		{s.settings, []string{"restore", dir}, "restore into a new one"},
		{third.settings, []string{"restore", dir}, "is another key, of another desk"},
		{nobody, []string{"backup", filepath.Join(t.TempDir(), "b")}, "there is no desk in"},
		{s.settings, []string{"backup", dir}, "is not empty"},
		{other.settings, []string{"restore", t.TempDir()}, "no whole backup"},
		{other.settings, []string{"restore", keyless}, "made without the key; put it at"},
		{[]string{"POSTERN_DATABASE_URL=postgres://a:b@127.0.0.1:1/d"}, []string{"backup", filepath.Join(t.TempDir(), "b")}, "POSTERN_OWNER_DATABASE_URL"},
	} {
		_, errs, status := command(t, c.settings, c.args...)
		if status != 1 || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: status %d, want one line with %q:\n%s", c.args, status, c.want, errs)
		}
	}
	key, err := os.ReadFile(filepath.Join(s.dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other.dir, "secret.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := succeed(t, other.settings, "restore", keyless, "--hold-letters"); !strings.Contains(out, "0 letters are held back") {
		t.Errorf("restore says\n%s", out)
	}
	if out := succeed(t, other.settings, "mailbox", "check", s.SupportAddress); strings.Contains(out, "FAIL") {
		t.Errorf("the restored password does not work:\n%s", out)
	}
	s.child = start(t, nil, s.settings, "serve")
	waitFor(t, patience, "the desk runs", func() bool { return strings.Contains(s.child.said.String(), "the desk is open") })
	began := time.Now()
	if _, errs, status := command(t, s.settings, "restore", dir); status != 1 || !strings.Contains(errs, "already running") {
		t.Errorf("beside a running desk, after %s: status %d\n%s", time.Since(began), status, errs)
	}
}
