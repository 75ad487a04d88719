package main_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Tried: a mailbox added with a wrong password and a wrong port is put right; each field by itself, the rest stays;
// a running desk takes it up. What cannot be is one line, and changes nothing.
func TestMailboxSet(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	succeed(t, append(slices.Clone(s.settings), "POSTERN_MAILBOX_PASSWORD=the wrong one"), "mailbox", "add", "sales@desk.example",
		"--imap", s.IMAP, "--imap-security", "none", "--smtp", "127.0.0.1:1", "--smtp-security", "none", "--staff", "ann@team.example")
	s.serve(t)
	without := slices.DeleteFunc(slices.Clone(s.settings), func(v string) bool { return strings.HasPrefix(v, "POSTERN_MAILBOX_PASSWORD=") })
	if out := succeed(t, without, "mailbox", "set", "sales@desk.example", "--smtp", s.SMTP, "--smtp-security", "none"); !strings.Contains(out, "mailbox check sales@desk.example") {
		t.Errorf("set says\n%s", out)
	}
	if out, _, _ := command(t, without, "mailbox", "check", "sales@desk.example"); !strings.Contains(out, "FAIL  IMAP") || strings.Contains(out, "127.0.0.1:1:") {
		t.Errorf("with the right port and the wrong password, check says\n%s", out)
	}
	succeed(t, s.settings, "mailbox", "set", "sales@desk.example")
	if out := succeed(t, without, "mailbox", "check", "sales@desk.example"); strings.Contains(out, "FAIL") {
		t.Errorf("with the right password, check says\n%s", out)
	}
	waitFor(t, patience, "the running desk reads with the new password", func() bool {
		return s.count(t, "select count(*) from mailbox_folders f join mailboxes m on m.id = f.mailbox_id where m.address like 'sales@%' and f.uidvalidity > 0") == 1
	})
	succeed(t, without, "mailbox", "set", "sales@desk.example", "--after", "move", "--after-folder", "Done", "--no-tags", "--name", "Sales", "--pause")
	const sqlAsSet = `select count(*) from mailboxes where name = 'Sales' and not sub_addressing and after_folder = 'Done' and staff_addresses = '{ann@team.example}' and imap->>'username' = address`
	if n := s.count(t, sqlAsSet); n != 1 {
		t.Errorf("the mailbox is not as it was set")
	}
	if out, _, _ := command(t, without, "doctor", "--no-probe"); !strings.Contains(out, "postern mailbox set sales@desk.example --resume") {
		t.Errorf("the doctor says of a paused mailbox\n%s", out)
	}
	succeed(t, without, "mailbox", "set", "sales@desk.example", "--after", "nothing", "--tags", "--resume", "--staff", "none", "--username", "sales")
	if n := s.count(t, `select count(*) from mailboxes where name = 'Sales' and sub_addressing and after_folder = '' and staff_addresses = '{}' and smtp->>'username' = 'sales'`); n != 1 {
		t.Errorf("the mailbox is not as it was set back")
	}
	before := s.count(t, "select sum(version) from mailboxes")
	for what, args := range map[string][]string{
		"nothing to change":                         {"sales@desk.example"},
		"there is no mailbox nobody@desk.example":   {"nobody@desk.example", "--name", "x"},
		"is not host:port":                          {"sales@desk.example", "--imap", "imap.desk.example"},
		"without encryption is allowed on loopback": {"sales@desk.example", "--smtp", "smtp.desk.example:25", "--smtp-security", "none"},
		"security must be tls or starttls":          {"sales@desk.example", "--imap-security", "ssl"},
		"--staff: \"boss\" is not an email address": {"sales@desk.example", "--staff", "boss"},
		"after move needs the folder":               {"sales@desk.example", "--after", "move"},
	} {
		_, errs, status := command(t, without, append([]string{"mailbox", "set"}, args...)...)
		if status != 1 || !strings.Contains(errs, what) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: status %d, want one line with %q:\n%s", args, status, what, errs)
		}
	}
	if after := s.count(t, "select sum(version) from mailboxes"); after != before {
		t.Errorf("refused changes changed something")
	}
}

// A port tells its security: 143 and 587 ask for TLS on a plain connection, all others begin with it.
func TestMailboxSecurityFollowsThePort(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	succeed(t, s.settings, "mailbox", "add", "a@desk.example", "--imap", "imap.desk.example:143", "--smtp", "smtp.desk.example:587")
	succeed(t, s.settings, "mailbox", "add", "b@desk.example", "--imap", "imap.desk.example:993", "--smtp", "smtp.desk.example:465")
	succeed(t, s.settings, "mailbox", "add", "c@desk.example", "--imap", "imap.desk.example:143", "--imap-security", "tls", "--smtp", "smtp.desk.example:2525")
	for address, want := range map[string]string{"a": "starttls starttls", "b": "tls tls", "c": "tls tls"} {
		imap, smtp, _ := strings.Cut(want, " ")
		if s.count(t, "select count(*) from mailboxes where address = '"+address+"@desk.example' and imap->>'security' = '"+imap+"' and smtp->>'security' = '"+smtp+"'") != 1 {
			t.Errorf("%s@desk.example is not %s", address, want)
		}
	}
}

// Tried: the key is gone for good, with two mailboxes: nothing starts, each is given its password anew, and the
// desk serves again; without a password, and for one that is set already, nothing is lost.
func TestMailboxSetWithALostKey(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.add(t, "sales@desk.example")
	without := slices.DeleteFunc(slices.Clone(s.settings), func(v string) bool { return strings.HasPrefix(v, "POSTERN_MAILBOX_PASSWORD=") })
	if err := os.Remove(filepath.Join(s.dataDir(), "secret.key")); err != nil {
		t.Fatal(err)
	}
	if _, errs, status := command(t, without, "mailbox", "set", "sales@desk.example", "--lost-key"); status != 1 || !strings.Contains(errs, "POSTERN_MAILBOX_PASSWORD") {
		t.Errorf("without a password: status %d\n%s", status, errs)
	}
	succeed(t, s.settings, "mailbox", "set", "sales@desk.example", "--lost-key")
	if _, errs, status := command(t, without, "mailbox", "list"); status != 1 || !strings.Contains(errs, "postern doctor") {
		t.Errorf("with one of two passwords: status %d\n%s", status, errs)
	}
	succeed(t, s.settings, "mailbox", "set", "support@desk.example", "--lost-key")
	for _, address := range []string{"sales@desk.example", "support@desk.example"} {
		if out := succeed(t, without, "mailbox", "check", address); strings.Contains(out, "FAIL") {
			t.Errorf("%s: %s", address, out)
		}
	}
	s.serve(t)
}

func (s *service) dataDir() string {
	for _, setting := range s.settings {
		if dir, ok := strings.CutPrefix(setting, "POSTERN_DATA_DIR="); ok {
			return dir
		}
	}
	return ""
}
