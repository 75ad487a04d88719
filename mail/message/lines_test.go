package message

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func source(text string, bounds ...string) *lineSource {
	s := newLineSource(strings.NewReader(text), 1<<20, never)
	s.bounds = bounds
	return s
}

func partText(t *testing.T, s *lineSource) string {
	t.Helper()
	b, err := io.ReadAll(&partReader{src: s})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLineSourceStopsAtBoundaries(t *testing.T) {
	t.Parallel()
	s := source("pre\r\n--outer\r\none\r\n--inner\r\ntwo\r\n\r\n--inner--\r\nepilogue\r\n--outer--\r\nend", "outer", "inner")
	for i, want := range []struct {
		text    string
		hit     int
		closing bool
	}{{"pre", 0, false}, {"one", 1, false}, {"two\r\n", 1, true}, {"epilogue", 0, true}, {"end", noBoundary, true}} {
		if got := partText(t, s); got != want.text || s.hit != want.hit || s.closing != want.closing {
			t.Errorf("part %d is %q, hit %d, closing %v; want %+v", i, got, s.hit, s.closing, want)
		}
		s.resume()
	}
	if _, ok := s.next(); ok {
		t.Error("it goes on behind the end")
	}
}

func TestBoundaryLines(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"--b": true, "--b--": true, "--b \t": true, "--b--  ": true, "--B": false, "-b": false, "b": false, "--bb": false, "--b-": false, "--b---": false, " --b": false, "--": false, "x--b": false,
	} {
		_, _, ok := source("", "b").boundary([]byte(line + "\r\n"))
		if ok != want {
			t.Errorf("%q: %v", line, ok)
		}
	}
	// The innermost counts where two are alike, and a longer one is no other's closing line.
	if i, closing, ok := source("", "b", "b--").boundary([]byte("--b--\n")); !ok || i != 1 || closing {
		t.Errorf("index %d, closing %v, ok %v", i, closing, ok)
	}
	if _, _, ok := source("", "").boundary([]byte("--\n")); ok {
		t.Error("an empty boundary matches")
	}
}

func TestLineSourceUnread(t *testing.T) {
	t.Parallel()
	s := source("one\ntwo\n--b\nthree", "b")
	first, _ := s.next()
	kept := []byte(string(first))
	if text := partText(t, s); text != "two" {
		t.Fatalf("text %q", text)
	}
	s.unread([][]byte{kept})
	if text := partText(t, s); text != "one" || s.hit != 0 {
		t.Errorf("text %q at %d", text, s.hit)
	}
	s.resume()
	if text := partText(t, s); text != "three" {
		t.Errorf("text %q", text)
	}
}

func TestLongLinesComeInPieces(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*lineBuffer)
	s := source(long+"--b\r\n--b\r\nend", "b")
	if text := partText(t, s); text != long+"--b" || s.hit != 0 {
		t.Errorf("%d bytes of %d, hit %d", len(text), len(long)+3, s.hit)
	}
}

func TestPartReaderKeepsBytes(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "a", "a\n", "a\r\n", "\n\n", "a\rb\n", "\r\r\n", "a\x00\xff\n"} {
		for _, eol := range []string{"\n", "\r\n"} {
			s := newLineSource(iotest.HalfReader(strings.NewReader("x\n"+content+eol+"--b"+eol)), 1<<20, never)
			s.bounds = []string{"b"}
			if _, ok := s.next(); !ok {
				t.Fatal("no first line")
			}
			if got := partText(t, s); got != content {
				t.Errorf("%q before %q gives %q", content, eol, got)
			}
		}
	}
}

func TestHeaderReader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw, subject, rest string
		limit              int64
	}{
		"plain":               {"Subject: a\r\n\r\nrest", "a", "rest", 1000},
		"folded":              {"Subject: a\r\n\tb\r\n c\r\n\r\nrest", "a\tb c", "rest", 1000},
		"space before colon":  {"Subject : a\r\n\r\nrest", "a", "rest", 1000},
		"empty value":         {"Subject:\r\n a\r\n\r\nrest", "a", "rest", 1000},
		"first of two":        {"Subject: a\r\nSubject: b\r\n\r\nrest", "a", "rest", 1000},
		"end within":          {"Subject: a", "a", "", 1000},
		"longer than allowed": {"Subject: a\r\nX-A: " + strings.Repeat("b", 100) + "\r\nX-C: d\r\n\r\nrest", "a", "rest", 50},
		"line over two reads": {"Subject: a\r\nX-A: " + strings.Repeat("b", 2*lineBuffer) + "\r\n\r\nrest", "a", "rest", 1 << 20},
		"body at once":        {"Subject: a\r\nHello Bob\r\n\r\nrest", "a", "Hello Bob\r\n\r\nrest", 1000},
		"nothing but text":    {"Hello Bob\r\nrest", "", "Hello Bob\r\nrest", 1000},
		"URL first":           {"https://x.example/a\r\n\r\nrest", "", "https://x.example/a\r\n\r\nrest", 1000},
		"lost fold":           {"Subject: a\r\nlost\r\nFrom: b@x.example\r\n\r\nrest", "a lost", "rest", 1000},
		"no fold into From":   {"From: b@x.example\r\n<c@x.example>\r\nSubject: a\r\n\r\nrest", "a", "rest", 1000},
		"8-bit name":          {"Subject: a\r\nN\xe4me: b\r\nX-C: d\r\n\r\nrest", "a N\xe4me: b", "rest", 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := source(c.raw)
			r := headerReader{src: s, limit: c.limit, problem: func(string) {}, top: true}
			h := r.read()
			if got := h.get("subject"); got != c.subject {
				t.Errorf("subject %q, want %q", got, c.subject)
			}
			if rest := partText(t, s); rest != c.rest {
				t.Errorf("body %q, want %q", rest, c.rest)
			}
			if from := h.get("from"); strings.Contains(from, "c@x.example") {
				t.Errorf("from %q", from)
			}
		})
	}
}
