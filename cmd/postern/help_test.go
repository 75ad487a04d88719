package main_test

import (
	"strings"
	"testing"
)

// Every command's help has an example that can be typed; people may ask in the words of other programs.
func TestHelpHelps(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"serve", "demo", "migrate", "doctor", "backup", "restore", "mailbox add", "mailbox set", "mailbox dkim", "mailbox check", "mailbox authorize",
		"contacts import", "apikey create", "mail import", "mail explain"} {
		out := succeed(t, nil, append(strings.Fields(words), "--help")...)
		if !strings.Contains(out, "    postern "+words) && !strings.Contains(out, " postern "+words+" ") {
			t.Errorf("%s --help has no example:\n%s", words, out)
		}
		if asked := succeed(t, nil, append([]string{"help"}, strings.Fields(words)...)...); asked != out {
			t.Errorf("help %s is not %s --help:\n%s", words, words, asked)
		}
	}
	for _, command := range []string{"serve", "doctor", "mailbox check"} {
		if out := succeed(t, nil, append(strings.Fields(command), "--help")...); !strings.Contains(out, "Exit status: 0") {
			t.Errorf("%s --help does not tell its exit status", command)
		}
	}
	if out := succeed(t, nil); !strings.HasPrefix(out, "Usage: postern") {
		t.Errorf("alone it says\n%s", out)
	}
	if out := succeed(t, nil, "--version"); out != succeed(t, nil, "version") {
		t.Errorf("--version says %q", out)
	}
}

// Wrong use names the nearest right one and whose help to ask for, with exit status 2.
func TestWrongUseNamesTheNearest(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"srve":                  `unexpected argument srve, did you mean "serve"?` + "\nTry: postern --help",
		"mailbox lisst":         `did you mean "list"?` + "\nTry: postern mailbox --help",
		"doctor --jsn":          `did you mean "--json"?` + "\nTry: postern doctor --help",
		"mailbox":               `expected one of "add", "set", "list", "authorize", "check", ...` + "\nTry: postern mailbox --help",
		"mailbox add a@b.c":     "missing flags: --imap=HOST:PORT, --smtp=HOST:PORT\nTry: postern mailbox add --help",
		"migrate down":          `must be one of "up","status" but got "down"` + "\nTry: postern migrate --help",
		"apikey create --nam x": `did you mean "--name"?` + "\nTry: postern apikey create --help",
	} {
		out, errs, status := command(t, nil, strings.Fields(typed)...)
		if status != 2 || !strings.Contains(errs, want) || out != "" {
			t.Errorf("%s: status %d, want 2 and %q:\n%s%s", typed, status, want, out, errs)
		}
	}
}
