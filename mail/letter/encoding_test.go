package letter

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"testing"
)

func encodeQP(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeQuotedPrintable(&b, text); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestQuotedPrintable(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("x", n) }
	for in, want := range map[string]string{
		"plain\n":           "plain\r\n",
		"a=b\n":             "a=3Db\r\n",
		"end \n\t\n":        "end=20\r\n=09\r\n",
		" in  side\n":       " in  side\r\n",
		".\n..\na.\n":       "=2E\r\n=2E.\r\na.\r\n",
		"From x\nFromage\n": "=46rom x\r\nFromage\r\n",
		"ü\n":               "=C3=BC\r\n",
		"\x00\x7f\n":        "=00=7F\r\n",
		x(75) + "\n":        x(75) + "\r\n",
		x(76) + "\n":        x(75) + "=\r\nx\r\n",
		x(73) + "ü\n":       x(73) + "=\r\n=C3=BC\r\n",
		x(75) + ".\n":       x(75) + "=\r\n=2E\r\n",
		x(75) + "From y\n":  x(75) + "=\r\n=46rom y\r\n",
	} {
		if got := encodeQP(t, in); got != want {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
	}
}

// FuzzQuotedPrintable: the standard library's reader gets the text back, and no
// line is longer than RFC 2045 section 6.7 allows.
func FuzzQuotedPrintable(f *testing.F) {
	for _, s := range []string{"", "a", ".\n", "From \n", " \t \n\n", strings.Repeat("é.", 80), "=\r\n=3D", "a\rb\r\nc"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		text := plainLines(in)
		out := encodeQP(t, text)
		for line := range strings.SplitSeq(out, "\r\n") {
			if len(line) > 76 || strings.HasPrefix(line, ".") || strings.HasPrefix(line, "From ") || strings.ContainsAny(line, "\r\n") {
				t.Errorf("line %q", line)
			}
		}
		back, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(out)))
		if got := strings.ReplaceAll(string(back), "\r\n", "\n"); err != nil || got != text {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
	})
}

// FuzzEncodedWords: words stay short and decode to what they were.
func FuzzEncodedWords(f *testing.F) {
	for _, s := range []string{"é", "日本語の長い件名です。とても長いので折り返します。", "a=?b", "🔥🔥", strings.Repeat("xé", 90), "_ =?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		in = strings.ToValidUTF8(in, "\uFFFD")
		if in == "" {
			return
		}
		words := encodedWords(in)
		for _, w := range words {
			if len(w) > 75 {
				t.Errorf("word of %d bytes", len(w))
			}
		}
		got, err := new(mime.WordDecoder).DecodeHeader(strings.Join(words, "\r\n "))
		if err != nil || got != in {
			t.Errorf("%q came back as %q, %v", in, got, err)
		}
	})
}

func TestBase64Lines(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 56, 57, 58, 114, 5000} {
		var b bytes.Buffer
		enc := base64.NewEncoder(base64.StdEncoding, &lineWriter{w: &b})
		content := bytes.Repeat([]byte{0xa5}, n)
		for chunk := range bytes.SplitSeq(content, nil) { // byte by byte
			if _, err := enc.Write(chunk); err != nil {
				t.Fatal(err)
			}
		}
		if err := enc.Close(); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\r\n")
		for i, line := range lines {
			if len(line) > 76 || i < len(lines)-1 && len(line) != 76 {
				t.Errorf("%d bytes: line %d has %d", n, i, len(line))
			}
		}
		if back, err := base64.StdEncoding.DecodeString(b.String()); err != nil || !bytes.Equal(back, content) {
			t.Errorf("%d bytes came back as %d, %v", n, len(back), err)
		}
	}
}

func TestAttachmentType(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"application/pdf":                       "application/pdf",
		"text/plain; charset=UTF-8":             "text/plain;\r\n charset=UTF-8",
		"text/calendar; method=REQUEST":         "text/calendar;\r\n method=REQUEST",
		"message/rfc822":                        octetStream,
		"multipart/mixed; boundary=x":           octetStream,
		"nonsense":                              octetStream,
		"":                                      octetStream,
		"a/b/c":                                 octetStream,
		"text/plain; x=\"\x01\"":                octetStream,
		"text/x; n=" + strings.Repeat("y", 300): "text/x",
	} {
		if got := attachmentType(in); got != want {
			t.Errorf("attachmentType(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":            "attachment",
		"a b.pdf":     "attachment;\r\n filename=\"a b.pdf\"",
		`a"b\.pdf`:    "attachment;\r\n filename*0*=utf-8''a%22b%5C.pdf",
		"Größe.pdf":   "attachment;\r\n filename*0*=utf-8''Gr%C3%B6%C3%9Fe.pdf",
		"=?x?= é.pdf": "attachment;\r\n filename*0*=utf-8''%3D%3Fx%3F%3D%20%C3%A9.pdf",
	} {
		if got := disposition(in); got != want {
			t.Errorf("disposition(%q) = %q, want %q", in, got, want)
		}
	}
}
