package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// oldEmails is an mbox of n requests and a reply to each, of 2019.
func oldEmails(t *testing.T, n int) (path, text string) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		id := unique()
		fmt.Fprintf(&b, "From ann%d@client.example Mon Mar  4 10:00:00 2019\nFrom: ann%d@client.example\nTo: support@desk.example\nSubject: Old %d\nMessage-ID: <%s>\nDate: Mon, 4 Mar 2019 10:00:00 +0000\n\nIt jams.\n\n", i, i, i, id)
		fmt.Fprintf(&b, "From ann%d@client.example Mon Mar  4 11:00:00 2019\nFrom: ann%d@client.example\nTo: support@desk.example\nSubject: Re: Old %d\nMessage-ID: <%s>\nIn-Reply-To: <%s>\nDate: Mon, 4 Mar 2019 11:00:00 +0000\n\n>From 2 on.\n\n", i, i, i, unique(), id)
	}
	path = filepath.Join(t.TempDir(), "old.mbox")
	write(t, path, b.String())
	return path, b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// count asks the desk's database.
func (s *service) count(t *testing.T, sql string) (n int) {
	t.Helper()
	for _, setting := range s.settings {
		if url, ok := strings.CutPrefix(setting, "POSTERN_DATABASE_URL="); ok {
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no database URL")
	return 0
}

// Tried: an mbox is rehearsed, imported, imported again, grown and imported again, then copied, with the desk away.
func TestMailImportGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	path, text := oldEmails(t, 60)
	run := func(more ...string) string {
		return succeed(t, s.settings, append([]string{"mail", "import", path, "--mailbox", "support@desk.example"}, more...)...)
	}
	if out := run("--dry-run"); !strings.Contains(out, "120 emails") || !strings.Contains(out, "120 new, 0 imported before") || s.count(t, "select count(*) from mailbox_folders where source is not null") != 0 {
		t.Errorf("the rehearsal says %s", out)
	}
	if out := run(); !strings.Contains(out, "120 of them new") || !strings.Contains(out, "opened                60  ") || !strings.Contains(out, "replied               60  ") {
		t.Errorf("the import says %s", out)
	}
	if out := run(); !strings.Contains(out, " 0 of them new") {
		t.Errorf("the second import says %s", out)
	}
	_, more := oldEmails(t, 5)
	write(t, path, text+more)
	if out := run("--dry-run"); !strings.Contains(out, "10 new, 120 imported before") {
		t.Errorf("the rehearsal of the grown file says %s", out)
	}
	if out := run("--open"); !strings.Contains(out, "130 emails of these archives are in the ledger, 10 of them new") || strings.Contains(out, "duplicate") {
		t.Errorf("the grown file gave %s", out)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	write(t, copied, more+text)
	path = copied
	if out := run("--dry-run"); !strings.Contains(out, "0 new, 0 imported before, 130 that the desk has by another way") {
		t.Errorf("the rehearsal of the copy says %s", out)
	}
	if out := run(); !strings.Contains(out, "duplicate            130  ") || strings.Contains(out, "opened") {
		t.Errorf("the copy gave %s", out)
	}
	for sql, want := range map[string]int{"select count(*) from letters": 0, "select count(*) from webhook_events": 0,
		"select count(*) from tickets where status = 'closed' and created_at < '2020-01-01'": 60, "select count(*) from tickets where status = 'open'": 5,
		"select count(*) from messages where body = 'From 2 on.'": 65} {
		if got := s.count(t, sql); got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
}

// Tried: an import beside a running desk, killed as soon as some emails are stored, interrupted as soon as there are
// more, and run to its end. Nothing is lost or doubled, and nobody hears of it.
func TestMailImportSurvivesKillAndInterrupt(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.child = start(t, nil, s.settings, "serve")
	path, _ := oldEmails(t, 1500)
	args := []string{"mail", "import", path, "--mailbox", "support@desk.example"}
	stored := func() int { return s.count(t, "select count(*) from inbound_emails") }
	for i, stop := range []func(*child){(*child).kill, func(c *child) { c.interrupt(t) }} {
		c := start(t, nil, s.settings, args...)
		waitFor(t, patience, "emails are stored", func() bool { return stored() > 300*(i+1) })
		stop(c)
		if i == 1 && !strings.Contains(c.said.String(), "stopped; the same command goes on from here") {
			t.Errorf("interrupted, it says %s", c.said)
		}
	}
	if n := stored(); n == 3000 {
		t.Fatal("it was over before it was stopped")
	}
	out := succeed(t, s.settings, args...)
	if !strings.Contains(out, "3,000 emails of these archives") || !strings.Contains(out, "opened             1,500  ") || !strings.Contains(out, "replied            1,500  ") {
		t.Errorf("in the end it says %s", out)
	}
	for sql, want := range map[string]int{"select count(*) from letters": 0, "select count(*) from webhook_events": 0, "select count(*) from tickets": 1500,
		"select count(*) from messages": 3000, "select count(*) from inbound_emails where disposition is null": 0} {
		if got := s.count(t, sql); got != want {
			t.Errorf("%s: %d, want %d", sql, got, want)
		}
	}
}

// Tried: a folder with a Maildir, an email over the limit, a file that is none, and what cannot be imported.
func TestMailImportOfFolders(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	root := t.TempDir()
	for path, text := range map[string]string{
		"md/cur/1551693600.M1.h:2,S": "From: ann@client.example\nSubject: a\nMessage-ID: <" + unique() + ">\n\nx\n",
		"md/new/1551693601.M2.h":     "From: ann@client.example\nSubject: b\nMessage-ID: <" + unique() + ">\n\nx\n",
		"big.eml":                    "From: ann@client.example\nSubject: c\nMessage-ID: <" + unique() + ">\n\nx\n" + strings.Repeat("word\n", 300_000),
		"readme.txt":                 "no email",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, full, text)
	}
	settings := append([]string{"POSTERN_MAX_EMAIL_BYTES=1MiB"}, s.settings...)
	out, errs, status := command(t, settings, "mail", "import", root, "--mailbox", "support@desk.example")
	if status != 0 || !strings.Contains(out, "opened                 2  ") || !strings.Contains(out, "oversize               1  ") || !strings.Contains(errs, "no emails: "+filepath.Join(root, "readme.txt")) {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if err := os.Rename(filepath.Join(root, "md/new/1551693601.M2.h"), filepath.Join(root, "md/cur/1551693601.M2.h:2,RS")); err != nil {
		t.Fatal(err)
	}
	if out := succeed(t, settings, "mail", "import", root, "--mailbox", "support@desk.example"); !strings.Contains(out, "3 emails of these archives are in the ledger, 0 of them new") {
		t.Errorf("after a flag it says %s", out)
	}
	empty := t.TempDir()
	for what, args := range map[string][]string{
		"there are no emails in " + empty:         {empty, "--mailbox", "support@desk.example"},
		"there is no mailbox nobody@desk.example": {root, "--mailbox", "nobody@desk.example"},
		"no such file or directory":               {filepath.Join(root, "absent"), "--mailbox", "support@desk.example"},
	} {
		_, errs, status := command(t, settings, append([]string{"mail", "import"}, args...)...)
		if status != 1 || !strings.Contains(errs, what) {
			t.Errorf("%v: status %d, want %q:\n%s", args, status, what, errs)
		}
	}
}

// Tried: a Sent folder, in which one email is a client's, and one with nothing but the desk's own: tagged, in
// capitals, under another mailbox's address.
func TestMailImportOfASentFolder(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.add(t, "sales@desk.example")
	root := t.TempDir()
	email := func(name, from string) {
		write(t, filepath.Join(root, name), "From: "+from+"\nTo: ann@client.example\nSubject: Re: a\nMessage-ID: <"+unique()+">\n\nDone.\n")
	}
	email("1.eml", "Help <support@desk.example>")
	email("2.eml", "SUPPORT+t-abc@Desk.Example")
	email("3.eml", "sales@desk.example")
	args := []string{"mail", "import", root, "--mailbox", "support@desk.example"}
	if out := succeed(t, s.settings, append(args, "--dry-run")...); !strings.Contains(out, "3 were written by the desk's own addresses, as those of a Sent folder are: they would be skipped") {
		t.Errorf("the rehearsal says %s", out)
	}
	const skipped = "  own_loop               3  skipped: written by the desk's own addresses, as those of a Sent folder are\n"
	if out := succeed(t, s.settings, args...); !strings.Contains(out, skipped+"All were skipped: import the folders that clients wrote to") {
		t.Errorf("a Sent folder gave %s", out)
	}
	email("4.eml", "ann@client.example")
	out := succeed(t, s.settings, args...)
	if !strings.Contains(out, skipped) || !strings.Contains(out, "  opened                 1  a ticket each\n") || strings.Contains(out, "All were skipped") {
		t.Errorf("with a client's email it gave %s", out)
	}
}

// In the wrong folder nothing is made: tried with every command about a mailbox that is there already.
func TestCommandsAboutAMailboxMakeNoDesk(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "1.eml")
	write(t, file, "From: ann@client.example\n\nHelp.\n")
	for _, args := range [][]string{
		{"mail", "import", file, "--mailbox", "support@desk.example", "--dry-run"},
		{"mailbox", "check", "support@desk.example"},
		{"mailbox", "set", "support@desk.example", "--pause"},
		{"mailbox", "dkim", "support@desk.example"},
		{"mailbox", "authorize", "support@desk.example"},
	} {
		nowhere := filepath.Join(t.TempDir(), "nowhere")
		_, errs, status := command(t, []string{"POSTERN_DATA_DIR=" + nowhere}, args...)
		if status == 0 || !strings.Contains(errs, "there is no desk in "+nowhere) {
			t.Errorf("%v: status %d: %s", args, status, errs)
		}
		if _, err := os.Stat(nowhere); err == nil {
			t.Errorf("%v made a data folder", args)
		}
	}
}
