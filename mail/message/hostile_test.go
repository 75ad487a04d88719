package message

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// parseWithin parses raw and fails if that takes longer than most, three times:
// other work on the machine takes time too.
func parseWithin(t *testing.T, raw []byte, most time.Duration) *Email {
	t.Helper()
	most *= slowness
	var e *Email
	var took time.Duration
	for range 3 {
		var err error
		begin := time.Now()
		if e, err = Parse(bytes.NewReader(raw), DefaultLimits(), nil); err != nil {
			t.Fatal(err)
		}
		if took = time.Since(begin); took <= most {
			break
		}
	}
	if took > most {
		t.Errorf("%d bytes took %v, more than %v", len(raw), took, most)
	}
	checkInvariants(t, t.Name(), e)
	return e
}

const head = "From: Ann <ann@case.example>\r\nTo: desk@desk.example\r\nSubject: case\r\nMessage-ID: <c@case.example>\r\n" +
	"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"

func hasProblem(e *Email, part string) bool {
	return strings.Contains(strings.Join(e.Problems, "\n"), part)
}

// Not parallel, since it measures time.
func TestHostileNesting(t *testing.T) {
	for _, closed := range []bool{true, false} {
		var b strings.Builder
		b.WriteString(head)
		for i := range 10_000 {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		}
		b.WriteString("Content-Type: text/plain\r\n\r\nthe deepest text\r\n")
		for i := 9_999; i >= 0 && closed; i-- {
			fmt.Fprintf(&b, "--b%d--\r\n", i)
		}
		e := parseWithin(t, []byte(b.String()), time.Second)
		if !hasProblem(e, "nested deeper") {
			t.Errorf("closed %v: the depth is not named: %v", closed, e.Problems)
		}
		if !strings.Contains(e.Text, "the deepest text") {
			t.Errorf("closed %v: the text is lost", closed)
		}
	}
}

func TestHostileNestedEmails(t *testing.T) {
	t.Parallel()
	raw := head + strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 5_000) + "Content-Type: text/plain\r\n\r\nthe deepest text\r\n"
	e := parseWithin(t, []byte(raw), time.Second)
	if !hasProblem(e, "nested deeper") {
		t.Errorf("the depth is not named: %v", e.Problems)
	}
}

func TestHostilePartCount(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nthe first text\r\n")
	for range 300_000 {
		b.WriteString("--b\r\nContent-Type: text/html\r\n\r\nx\r\n")
	}
	b.WriteString("--b--\r\n")
	e := parseWithin(t, []byte(b.String()), 2*time.Second)
	if !hasProblem(e, "more parts") || !strings.HasPrefix(e.Text, "the first text") {
		t.Errorf("text %.40q, problems %v", e.Text, e.Problems)
	}
}

func TestHostileHTML(t *testing.T) {
	t.Parallel()
	var links strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&links, `<p><a href="https://case.example/%d">link %d</a></p>`, i, i)
	}
	pages := map[string]string{
		"5,000 links":         links.String(),
		"20,000 divs":         strings.Repeat("<div>", 20_000) + "the text" + strings.Repeat("</div>", 20_000),
		"20,000 blockquotes":  strings.Repeat("<blockquote>", 20_000) + "the text",
		"50,000 unclosed b":   strings.Repeat("<b>", 50_000) + "the text",
		"open tag":            "the text <a href=" + strings.Repeat("x", 500_000),
		"many entities":       strings.Repeat("&amp;", 100_000) + "the text",
		"10,000 nested lists": strings.Repeat("<ul><li>", 10_000) + "the text",
		"wide table":          "<table><tr>" + strings.Repeat("<td>cell</td>", 30_000) + "</table>the text",
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := parseWithin(t, []byte(head+"Content-Type: text/html\r\n\r\n"+page), 3*time.Second)
			if !strings.Contains(e.Text, "the text") && !strings.Contains(e.Text, "link 4999 <https://case.example/4999>") {
				t.Errorf("the text is lost: %.80q", e.Text)
			}
		})
	}
}

func TestHostileText(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"introductions":  strings.Repeat("On Mon, 2 Jan 2006 at 15:04 Ann <a@case.example> said\n", 15_000),
		"short lines":    strings.Repeat("a\n", 500_000),
		"colons":         strings.Repeat("a: 1\n", 200_000),
		"quotes":         strings.Repeat("> a\nb\n", 150_000),
		"dates":          strings.Repeat("2026-11-22 10:00 a@case.example\n", 30_000),
		"one long line":  strings.Repeat("On 1 wrote ", 90_000),
		"dashes":         strings.Repeat("-----------\n", 80_000),
		"signatures":     strings.Repeat("Sent from my phone\n", 50_000),
		"closings":       strings.Repeat("Regards,\n", 100_000),
		"from fields":    strings.Repeat("From: a@case.example\n", 45_000),
		"angle brackets": strings.Repeat("<", 1_000_000),
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parseWithin(t, []byte(head+"\r\n"+text), 3*time.Second)
		})
	}
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	headers := map[string]string{
		"addresses":     "To: " + strings.Repeat("a@case.example, ", 15_000),
		"open quotes":   "To: " + strings.Repeat(`"`, 200_000),
		"comments":      "To: " + strings.Repeat("(", 200_000),
		"groups":        "To: " + strings.Repeat("g:", 100_000),
		"encoded words": "Subject: " + strings.Repeat("=?utf-8?q?a?= ", 17_000),
		"broken words":  "Subject: " + strings.Repeat("=?", 120_000),
		"word starts":   "Subject: " + strings.Repeat("=?a?q?", 40_000),
		"parameters":    "Content-Type: text/plain; " + strings.Repeat("a=b; ", 50_000),
		"references":    "References: " + strings.Repeat("<a@b> ", 40_000),
		"open angles":   "References: " + strings.Repeat("<", 200_000),
		"folded":        "Subject: a\r\n" + strings.Repeat(" b\r\n", 60_000),
		"many fields":   strings.Repeat("X-A: b\r\n", 30_000),
		"one megabyte":  "X-A: " + strings.Repeat("b", 1<<20),
	}
	for name, h := range headers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := parseWithin(t, []byte(head+h+"\r\n\r\nthe text\r\n"), 2*time.Second)
			if e.Text != "the text" {
				t.Errorf("text %.80q, problems %v", e.Text, e.Problems)
			}
		})
	}
}

// A 45 MiB attachment must go through without being held in memory. Not
// parallel, since it measures the heap.
func TestAttachmentStreams(t *testing.T) {
	const size = 45 << 20
	line := bytes.Repeat([]byte("QUJD"), 19)
	lines := size / (len(line) / 4 * 3)
	source := io.MultiReader(
		strings.NewReader(head+"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
		&repeat{line: append(line, "\r\n"...), left: lines},
		strings.NewReader("--b--\r\n"),
	)
	lim := DefaultLimits()
	lim.Total, lim.Time = 100<<20, time.Minute
	var before, peak runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most uint64
	var kept *Attachment
	hash := sha256.New()
	e, err := Parse(source, lim, func(a *Attachment, content io.Reader) error {
		kept = a
		buf := make([]byte, 1<<20)
		for {
			n, err := content.Read(buf)
			hash.Write(buf[:n])
			runtime.ReadMemStats(&peak)
			most = max(most, peak.HeapAlloc)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(lines * len(line) / 4 * 3); kept.Size != want || e.Attachments[0].Size != want {
		t.Errorf("size %d, want %d", kept.Size, want)
	}
	if !bytes.Equal(hash.Sum(nil), kept.SHA256[:]) {
		t.Error("the hash is not that of the content")
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap grew by %d MiB for an attachment of 45", grown>>20)
	}
}

type repeat struct {
	line []byte
	rest []byte
	left int
}

func (r *repeat) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.left--
		r.rest = r.line
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestParseGivesOnlyForeignErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	r := io.MultiReader(strings.NewReader(head+"\r\ntext"), &failing{broken})
	if _, err := Parse(r, DefaultLimits(), nil); !errors.Is(err, broken) {
		t.Errorf("reader's error: %v", err)
	}
	raw := head + "Content-Type: application/pdf\r\n\r\ncontent"
	_, err := Parse(strings.NewReader(raw), DefaultLimits(), func(*Attachment, io.Reader) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("keep's error: %v", err)
	}
	if _, err := ContentKey(&failing{broken}); !errors.Is(err, broken) {
		t.Errorf("reader's error for the key: %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestLimits(t *testing.T) {
	t.Parallel()
	t.Run("total", func(t *testing.T) {
		t.Parallel()
		lim := DefaultLimits()
		lim.Total = 1000
		e, err := Parse(strings.NewReader(head+"\r\nthe text\r\n"+strings.Repeat("more\r\n", 1000)), lim, nil)
		if err != nil || !hasProblem(e, "email longer than the limit") || !strings.HasPrefix(e.Text, "the text") {
			t.Errorf("error %v, problems %v", err, e.Problems)
		}
	})
	t.Run("text", func(t *testing.T) {
		t.Parallel()
		lim := DefaultLimits()
		lim.Text = 100
		e, err := Parse(strings.NewReader(head+"\r\nthe text\r\n"+strings.Repeat("more\r\n", 1000)), lim, nil)
		if err != nil || !hasProblem(e, "text longer than the limit") || len(e.Text) > 100 || !strings.HasPrefix(e.Text, "the text") {
			t.Errorf("error %v, problems %v", err, e.Problems)
		}
	})
	t.Run("time", func(t *testing.T) {
		t.Parallel()
		lim := DefaultLimits()
		lim.Time = time.Nanosecond
		e, err := Parse(strings.NewReader(head+"\r\nthe text\r\n"), lim, nil)
		if err != nil || !hasProblem(e, "took longer") || e.Reply != "the text" {
			t.Errorf("error %v, reply %q, problems %v", err, e.Reply, e.Problems)
		}
	})
	t.Run("attachments", func(t *testing.T) {
		t.Parallel()
		lim := DefaultLimits()
		lim.Attachments = 4
		part := "--b\r\nContent-Type: application/pdf\r\n\r\n12345\r\n"
		kept := 0
		e, err := Parse(strings.NewReader(head+"Content-Type: multipart/mixed; boundary=b\r\n\r\n"+part+part+"--b--\r\n"), lim, func(*Attachment, io.Reader) error {
			kept++
			return nil
		})
		if err != nil || kept != 1 || len(e.Attachments) != 2 || e.Attachments[1].Size != 5 || !hasProblem(e, "attachments larger") {
			t.Errorf("error %v, kept %d, attachments %v, problems %v", err, kept, e.Attachments, e.Problems)
		}
	})
	t.Run("a slow keep is not counted", func(t *testing.T) {
		t.Parallel()
		lim := DefaultLimits()
		lim.Time = 200 * time.Millisecond
		raw := head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/pdf\r\n\r\n12345\r\n--b\r\n\r\nthe text\r\n--b--\r\n"
		e, err := Parse(strings.NewReader(raw), lim, func(*Attachment, io.Reader) error {
			time.Sleep(400 * time.Millisecond)
			return nil
		})
		if err != nil || e.Text != "the text" || hasProblem(e, "took longer") {
			t.Errorf("error %v, text %q, problems %v", err, e.Text, e.Problems)
		}
	})
}
