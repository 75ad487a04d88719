package message

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func key(t *testing.T, raw string) [32]byte {
	t.Helper()
	k, err := ContentKey(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestContentKeySameEmail(t *testing.T) {
	t.Parallel()
	email := "Message-ID: <a@x>\r\nFrom: Ann <a@x.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nSubject: a long\r\n subject\r\n\r\nthe\r\n\r\ntext\r\n"
	want := key(t, email)
	for name, same := range map[string]string{
		"other trace fields": "Received: from a\r\n\tby b\r\nDelivered-To: d@x.example\r\nX-Spam: no\r\nReturn-Path: <>\r\n" + email,
		"LF":                 strings.ReplaceAll(email, "\r\n", "\n"),
		"CR":                 strings.ReplaceAll(email, "\r\n", "\r"),
		"folded anew":        strings.Replace(email, "a long\r\n subject", "a\r\n\tlong subject", 1),
		"other order":        "Subject: a long subject\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n" + strings.Replace(email, "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nSubject: a long\r\n subject\r\n", "", 1),
		"names in capitals":  strings.Replace(email, "Subject:", "SUBJECT:", 1),
		"line ends added":    email + "\r\n\r\n",
		"line ends removed":  strings.TrimRight(email, "\r\n"),
		"mbox line":          "From a@x.example Sun Nov 22 10:00:00 2026\n" + email,
		"blank lines first":  "\r\n\r\n" + email,
	} {
		if key(t, same) != want {
			t.Errorf("%s: the key differs", name)
		}
	}
	for chunk, r := range map[string]io.Reader{"one byte": iotest.OneByteReader(strings.NewReader(email)), "half": iotest.HalfReader(strings.NewReader(email))} {
		if got, err := ContentKey(r); err != nil || got != want {
			t.Errorf("read by %s: the key differs, error %v", chunk, err)
		}
	}
}

// Two emails with one key would mean that one of them is lost.
func TestContentKeyOtherEmail(t *testing.T) {
	t.Parallel()
	emails := []string{
		"", "a", "b", "a\n\nb", "a\nb", "ab",
		"Message-ID: <a@x>\n\ntext", "Message-ID: <b@x>\n\ntext", "Message-ID: <a@x>\n\ntext.", "Message-ID: <a@x>\n\n text",
		"Subject: a\n\ntext", "From: a\n\ntext", "Date: a\n\ntext", "Subject: a\nFrom: b\n\ntext", "Subject: b\nFrom: a\n\ntext", "Subject: ab\n\ntext",
		"Subject: a\nno blank line", "Subject: a\nno blank line either", "Note: one\nmore", "Note: two\nmore", "Note: one\n\nmore",
		"Subject: a\n\n\ntext", "Subject: a\n\nte\nxt",
	}
	seen := map[[32]byte]string{}
	for _, e := range emails {
		k := key(t, e)
		if other, ok := seen[k]; ok {
			t.Errorf("%q and %q have one key", e, other)
		}
		seen[k] = e
	}
}

func TestContentKeyStreams(t *testing.T) {
	t.Parallel()
	line := []byte("Subject: " + strings.Repeat("a", 1000) + "\r\n")
	r := io.MultiReader(&repeat{line: line, left: 20_000}, strings.NewReader("\r\n"), &repeat{line: line, left: 20_000})
	if _, err := ContentKey(r); err != nil {
		t.Fatal(err)
	}
}

// The corpora hold the same emails with three kinds of line ends.
func TestContentKeyOfLineEnds(t *testing.T) {
	t.Parallel()
	n := 0
	for _, path := range glob(t, corpusDir(t), "bounce-sisimai/emails-c*/*") {
		base := strings.NewReplacer("emails-crlf", "emails", "emails-cr", "emails").Replace(path)
		a, b := read(t, path), read(t, base)
		if !bytes.Equal(withLF(a), withLF(b)) {
			continue // a few differ in more than that
		}
		if key(t, string(a)) != key(t, string(b)) {
			t.Errorf("%s: the key differs", path)
		}
		n++
	}
	if n < 20 {
		t.Errorf("only %d files", n)
	}
}

func withLF(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
}

// The key that Parse makes in passing is that of the whole email, whatever limit ended the parsing.
func TestParseGivesTheContentKey(t *testing.T) {
	t.Parallel()
	short, late := DefaultLimits(), DefaultLimits()
	short.Total, short.Header, late.Time = 500, 100, time.Nanosecond
	emails := []string{
		"", "a", "\r\r", "From: a\rSubject: b\r\rtext\r", "Subject: " + strings.Repeat("a", 200_000) + "\n\ntext", strings.Repeat("X: y\r\n", 100_000) + "\r\ntext",
		"Subject: a\r\n\r\n" + strings.Repeat("text\r\n", 50_000), "Subject: " + strings.Repeat("a", lineBuffer-10) + "\n b\n\ntext",
	}
	for i, path := range glob(t, corpusDir(t), "mime-*/*/*") {
		if i%4 == 0 {
			emails = append(emails, string(read(t, path)))
		}
	}
	for _, raw := range emails {
		want := key(t, raw)
		for name, lim := range map[string]Limits{"default": DefaultLimits(), "short": short, "late": late} {
			e, err := Parse(strings.NewReader(raw), lim, nil)
			if err != nil || e.ContentKey != want {
				t.Errorf("limits %s: %.60q has another key, error %v", name, raw, err)
			}
		}
	}
}

// The key is stored with the emails of years: it must stay what it was.
func TestContentKeyStays(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"": "d217f979960dde2e747989e11d958a8ba444dad59bbd7b4bae289d5796cf3649",
		"Message-ID: <a@x>\r\nFrom: Ann <a@x.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nSubject: a long\r\n subject\r\n\r\nthe\r\n\r\ntext\r\n": "e4c82473f32214815518234641247302973c2bee990f8b688f0704d3b0c755dc",
		"no header\rat all\r": "423221f4698e935c052539a9b2c95f5d501024c5a4bf7a8747b597e93fd7b5a7",
	} {
		if got := key(t, raw); hex.EncodeToString(got[:]) != want {
			t.Errorf("the key of %q is %x", raw, got)
		}
	}
}

func FuzzContentKey(f *testing.F) {
	f.Add([]byte("Message-ID: <a@x>\r\nSubject: a\r\n b\r\n\r\ntext\r\n"))
	f.Add([]byte("From a\rSubject: x\r\rb\r"))
	f.Add([]byte("\n\n\nno header"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := ContentKey(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		b, err := ContentKey(iotest.OneByteReader(bytes.NewReader(raw)))
		if err != nil || a != b {
			t.Errorf("the key depends on how %q is read: %v", raw, err)
		}
		if bytes.IndexByte(raw, '\r') < 0 {
			crlf := bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
			if c, err := ContentKey(bytes.NewReader(crlf)); err != nil || c != a {
				t.Errorf("the key of %q depends on its line ends: %v", raw, err)
			}
		}
	})
}
