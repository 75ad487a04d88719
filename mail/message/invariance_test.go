package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// explained is all that an email means, as text to compare.
func explained(t *testing.T, r io.Reader) string {
	t.Helper()
	e, err := Parse(r, DefaultLimits(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(Explain("x", e), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What an email means does not depend on the pieces in which it is read.
func TestParseInPieces(t *testing.T) {
	t.Parallel()
	n := 0
	for _, pattern := range []string{"mime-*/*/*", "inbound-*/emails/*", "bounce-flufl/data/*"} {
		for i, path := range glob(t, corpusDir(t), pattern) {
			if i%3 != 0 {
				continue // one in three is enough of these, and thrice as fast
			}
			raw := read(t, path)
			whole := explained(t, bytes.NewReader(raw))
			if half := explained(t, iotest.HalfReader(bytes.NewReader(raw))); half != whole {
				t.Errorf("%s: read by halves it differs", path)
			}
			if single := explained(t, iotest.OneByteReader(bytes.NewReader(raw))); len(raw) < 20_000 && single != whole {
				t.Errorf("%s: read byte by byte it differs", path)
			}
			n++
		}
	}
	if n < 50 {
		t.Errorf("only %d files", n)
	}
}

// The class, the text and the reply are the same with CRLF, LF and CR.
func TestParseWithOtherLineEnds(t *testing.T) {
	t.Parallel()
	n := 0
	for _, pattern := range []string{"bounce-sisimai/emails/*", "reply-talon/standard_replies/*", "bounce-bounceparser/corpus/*"} {
		for _, path := range glob(t, corpusDir(t), pattern) {
			lf := withLF(read(t, path))
			if bytes.Contains(lf, []byte("\n\n\n\n\n")) {
				continue
			}
			want, err := Parse(bytes.NewReader(lf), DefaultLimits(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, eol := range map[string]string{"CRLF": "\r\n", "CR": "\r"} {
				got, err := Parse(bytes.NewReader(bytes.ReplaceAll(lf, []byte("\n"), []byte(eol))), DefaultLimits(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if got.Class != want.Class || got.Text != want.Text || got.Reply != want.Reply || got.MessageID != want.MessageID || got.Subject != want.Subject {
					t.Errorf("%s: with %s it is %s %q, with LF %s %q", path, name, got.Class, got.Text, want.Class, want.Text)
				}
			}
			n++
		}
	}
	if n < 100 {
		t.Errorf("only %d files", n)
	}
}

// Parse has no state: many at once give what each gives alone.
func TestParseAtOnce(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d emails, error %v", len(paths), err)
	}
	var wait sync.WaitGroup
	for _, path := range paths {
		raw := read(t, path)
		want := explained(t, bytes.NewReader(raw))
		for range 8 {
			wait.Go(func() {
				e, err := Parse(bytes.NewReader(raw), DefaultLimits(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if got, _ := json.MarshalIndent(Explain("x", e), "", " "); string(got) != want {
					t.Errorf("%s: differs", path)
				}
			})
		}
	}
	wait.Wait()
}

// Every email of the corpora, cut off anywhere, is still read.
func TestParseCutOff(t *testing.T) {
	t.Parallel()
	for _, path := range glob(t, corpusDir(t), "mime-ruby-mail/*/*.eml") {
		raw := read(t, path)
		for i := range 12 {
			e, err := Parse(bytes.NewReader(raw[:len(raw)*i/12]), DefaultLimits(), nil)
			if err != nil {
				t.Fatal(err)
			}
			checkInvariants(t, fmt.Sprintf("%s to %d/12", path, i), e)
		}
	}
}

// Each of these has killed another helpdesk.
func TestWhatKilledOthers(t *testing.T) {
	t.Parallel()
	t.Run("empty message ids match nothing", func(t *testing.T) {
		t.Parallel()
		e := parse(t, "From: a@x.example\r\nMessage-ID: <>\r\nIn-Reply-To: <>\r\nReferences: <> < >\r\n\r\ntext")
		if e.MessageID != "" || len(e.InReplyTo) != 0 || len(e.References) != 0 {
			t.Errorf("%q %q %q", e.MessageID, e.InReplyTo, e.References)
		}
	})
	t.Run("sixty references", func(t *testing.T) {
		t.Parallel()
		var refs strings.Builder
		for i := range 60 {
			fmt.Fprintf(&refs, " <%064d@a-long-domain.of-a-client.example>\r\n", i)
		}
		e := parse(t, "From: a@x.example\r\nReferences:\r\n"+refs.String()+"\r\ntext")
		if len(e.References) != 60 || e.Text != "text" {
			t.Errorf("%d references, text %q", len(e.References), e.Text)
		}
	})
	t.Run("an attached email", func(t *testing.T) {
		t.Parallel()
		e := parse(t, head+"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nRnJvbTogYUB4DQoNCmlubmVy\r\n")
		if !strings.Contains(e.Forwarded, "inner") || len(e.Attachments) != 1 {
			t.Errorf("forwarded %q, attachments %v", e.Forwarded, e.Attachments)
		}
	})
	t.Run("only an image", func(t *testing.T) {
		t.Parallel()
		e := parse(t, head+"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n")
		if len(e.Attachments) != 1 || e.Text != "" || len(e.Problems) != 0 {
			t.Errorf("attachments %v, text %q, problems %q", e.Attachments, e.Text, e.Problems)
		}
	})
	t.Run("several senders", func(t *testing.T) {
		t.Parallel()
		e := parse(t, "From: a@x.example\r\nFrom: b@x.example\r\n\r\ntext")
		if e.From.Address != "a@x.example" || !hasProblem(e, "more than one From") {
			t.Errorf("from %v, problems %q", e.From, e.Problems)
		}
	})
	t.Run("a token in another's tag", func(t *testing.T) {
		t.Parallel()
		for to, want := range map[string]string{
			"support+t-abcdefghijklmnopqrstuvwxyz234567@desk.example":  "t-abcdefghijklmnopqrstuvwxyz234567",
			"support+t-abcdefghijklmnopqrstuvwxyz23456@desk.example":   "",
			"support+t-abcdefghijklmnopqrstuvwxyz2345678@desk.example": "",
			"support+t-abcdefghijklmnopqrstuvwxyz234561@desk.example":  "",
			"t-abcdefghijklmnopqrstuvwxyz234567@desk.example":          "",
		} {
			if e := parse(t, "From: a@x.example\r\nCc: "+to+"\r\n\r\ntext"); e.Token != want {
				t.Errorf("%s gives %q, want %q", to, e.Token, want)
			}
		}
	})
	t.Run("parts of every kind without end", func(t *testing.T) {
		t.Parallel()
		for _, typ := range []string{"mixed", "alternative", "related", "digest", "report", "signed", "x-unheard-of", ""} {
			e := parse(t, head+"Content-Type: multipart/"+typ+"; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nthe text")
			if e.Text != "the text" {
				t.Errorf("multipart/%s: text %q, problems %q", typ, e.Text, e.Problems)
			}
		}
	})
	t.Run("a report without a kind", func(t *testing.T) {
		t.Parallel()
		e := parse(t, "Return-Path: <>\r\n"+head+"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nAction: delayed\r\n--b--")
		if e.Class != ClassDelayNotice {
			t.Errorf("class %s because %q", e.Class, e.Reasons)
		}
	})
}
