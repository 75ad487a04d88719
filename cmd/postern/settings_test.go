package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Tried: what an operator mistypes, as a flag, in the file, and as the name of a file or folder.
func TestWrongValueIsOneLineWithItsNameAndAnExample(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want     string
		status   int
		settings []string
		args     []string
	}{
		{`--reply-wait: "banana" cannot be read; expected: duration, such as 10m`, 2, nil, []string{"serve", "--reply-wait=banana"}},
		{`postern.toml: reply_wait: "banana" cannot be read; expected: duration, such as 10m`, 2,
			[]string{"POSTERN_CONFIG=" + file(t, "postern.toml", `reply_wait = "banana"`)}, []string{"serve"}},
		{"POSTERN_CONFIG: /no/such.toml: no such file or directory; name a settings file", 2, []string{"POSTERN_CONFIG=/no/such.toml"}, []string{"serve"}},
		{"POSTERN_PG_BIN: there is no initdb in /no/such; name the folder of PostgreSQL's server programs", 1,
			[]string{"POSTERN_PG_BIN=/no/such"}, []string{"serve", "--listen=127.0.0.1:0"}},
		{"POSTERN_PG_BIN: there is no initdb in /no/such", 1, []string{"POSTERN_PG_BIN=/no/such"}, []string{"migrate", "status"}},
		{"POSTERN_MAILBOX_PASSWORD_FILE: /no/such: no such file or directory; name a file", 2, []string{"POSTERN_MAILBOX_PASSWORD_FILE=/no/such"},
			[]string{"mailbox", "add", "a@desk.example", "--imap=h:993", "--smtp=h:465"}},
		{"POSTERN_MAILBOX_PASSWORD: set it to the mailbox's password, or POSTERN_MAILBOX_PASSWORD_FILE", 1, nil,
			[]string{"mailbox", "add", "a@desk.example", "--imap=h:993", "--smtp=h:465"}},
	} {
		_, errs, status := command(t, append(c.settings, "POSTERN_DATA_DIR="+t.TempDir()), c.args...)
		if status != c.status || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.want) {
			t.Errorf("%q %v: status %d, want %d and one line with %q:\n%s", c.settings, c.args, status, c.status, c.want, errs)
		}
	}
}

func TestCommandsWithoutSettingsWorkBesideABrokenFile(t *testing.T) {
	t.Parallel()
	email := file(t, "email", "From: a@client.example\nSubject: x\n\nHello\n")
	broken := []string{"POSTERN_CONFIG=" + file(t, "postern.toml", "listen = :8080\n"), "POSTERN_LISTN=x"}
	for _, args := range [][]string{{"version"}, {"--help"}, {"serve", "--help"}, {"help"}, {"help", "serve"}, {"mail", "explain", email}} {
		if out := succeed(t, broken, args...); out == "" {
			t.Errorf("%v says nothing", args)
		}
	}
	if _, errs, status := command(t, broken, "serve"); status != 2 || !strings.Contains(errs, "line 1 is not valid TOML") {
		t.Errorf("serve: status %d\n%s", status, errs)
	}
}

// Tried: a file that is not there, a folder, and one that can be read between two that cannot.
func TestExplainingAFileThatCannotBeReadFails(t *testing.T) {
	t.Parallel()
	email := file(t, "email", "From: a@client.example\nSubject: x\n\nHello\n")
	for _, c := range []struct {
		paths []string
		says  []string
	}{
		{[]string{"/nope"}, []string{"/nope: no such file or directory"}},
		{[]string{filepath.Dir(email)}, []string{filepath.Dir(email), "is a directory"}},
		{[]string{"/nope", email, "/nor this"}, []string{"/nope: no such file or directory", "/nor this: no such file or directory"}},
	} {
		out, errs, status := command(t, nil, append([]string{"mail", "explain", "--json"}, c.paths...)...)
		if status != 1 || strings.Count(errs, "\n") != 1 || strings.Contains(errs, "goroutine") || strings.Count(out, "\n") != len(c.paths) {
			t.Errorf("%q: status %d, %d lines of output:\n%s", c.paths, status, strings.Count(out, "\n"), errs)
		}
		for _, want := range c.says {
			if !strings.Contains(errs, want) {
				t.Errorf("%q: it does not say %q:\n%s", c.paths, want, errs)
			}
		}
	}
}

// Tried: with and without a command, with one of two words, with one that there is none of.
func TestHelpIsACommandToo(t *testing.T) {
	t.Parallel()
	for _, c := range [][]string{{}, {"serve"}, {"mail", "explain"}, {"help"}} {
		help, flag := succeed(t, nil, append([]string{"help"}, c...)...), succeed(t, nil, append(c, "--help")...)
		if help != flag || !strings.Contains(help, "Usage: postern "+strings.Join(c, " ")) {
			t.Errorf("help %v says\n%s\nand --help\n%s", c, help, flag)
		}
	}
	if _, errs, status := command(t, nil, "help", "nonsense"); status != 2 || !strings.Contains(errs, "nonsense") {
		t.Errorf("status %d\n%s", status, errs)
	}
}

// The example's settings are settings: one that was renamed would stop whoever copied it.
func TestExampleSettingsAreUnderstood(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../examples/postern.toml")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.ReplaceAll(string(text), "# database_url_file", "database_url_file")
	all = strings.ReplaceAll(all, "# owner_database_url_file", "owner_database_url_file")
	all = strings.ReplaceAll(all, "/etc/postern/database.url", file(t, "database.url", "postgres://a:hunter2@127.0.0.1:1/d"))
	all = strings.ReplaceAll(all, "/etc/postern/owner.url", file(t, "owner.url", "postgres://b:hunter2@127.0.0.1:1/d"))
	for _, settings := range []string{string(text), all} {
		out, errs, status := command(t, []string{"POSTERN_CONFIG=" + file(t, "postern.toml", settings), "POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_PUBLIC_URL=http://127.0.0.1:1"},
			"doctor", "--no-probe")
		if status == 2 || !strings.Contains(out, "database: ") {
			t.Errorf("status %d\n%s%s", status, out, errs)
		}
	}
}
