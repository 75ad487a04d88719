package message

import (
	"bytes"
	"io"
	"strings"
)

// decodeWords decodes the encoded words of a raw header value (RFC 2047), also
// where they are broken in the usual ways: no closing mark, spaces inside, no
// space around, characters split between two words, quotes around. What stays
// undecoded is read as UTF-8 or windows-1252.
func decodeWords(raw string) string {
	if !strings.Contains(raw, "=?") {
		return literal(raw)
	}
	var out strings.Builder
	var run encodedRun
	for len(raw) > 0 {
		start := strings.Index(raw, "=?")
		if start < 0 {
			break
		}
		word, length, ok := readWord(raw[start:])
		if !ok {
			run.end(&out)
			out.WriteString(literal(raw[:start+2]))
			raw = raw[start+2:]
			continue
		}
		// RFC 2047 section 6.2: white space between two encoded words is not shown.
		if strings.TrimSpace(raw[:start]) != "" || !run.open {
			run.end(&out)
			out.WriteString(literal(raw[:start]))
		}
		run.add(&out, word)
		raw = raw[start+length:]
	}
	run.end(&out)
	out.WriteString(literal(raw))
	return out.String()
}

func literal(s string) string {
	if isASCII(s) && strings.IndexByte(s, '\x1b') < 0 {
		return s
	}
	text, _ := decodeCharset([]byte(s), "")
	return text
}

type encodedWord struct {
	charset string
	bytes   []byte
}

// encodedRun joins the bytes of neighbouring words before they are decoded:
// some writers cut a character in two.
type encodedRun struct {
	open bool
	word encodedWord
}

func (r *encodedRun) add(out *strings.Builder, w encodedWord) {
	if r.open && strings.EqualFold(r.word.charset, w.charset) {
		r.word.bytes = append(r.word.bytes, w.bytes...)
		return
	}
	r.end(out)
	r.open, r.word = true, w
}

func (r *encodedRun) end(out *strings.Builder) {
	if r.open {
		text, _ := decodeCharset(r.word.bytes, r.word.charset)
		out.WriteString(text)
	}
	*r = encodedRun{}
}

// readWord reads the encoded word at the start of s: =?charset?encoding?text?=
func readWord(s string) (w encodedWord, length int, ok bool) {
	rest := s[2:]
	charset, rest, ok := strings.Cut(rest, "?")
	if !ok || charset == "" || len(charset) > 60 || strings.ContainsAny(charset, " \t") {
		return w, 0, false
	}
	if len(rest) < 2 || rest[1] != '?' {
		return w, 0, false
	}
	encoding := rest[0] | 0x20
	rest = rest[2:]
	end := strings.Index(rest, "?=")
	length = len(s) - len(rest) + end + 2
	if end < 0 {
		if end = strings.IndexAny(rest, " \t"); end < 0 {
			end = len(rest)
		}
		length = len(s) - len(rest) + end
	}
	// RFC 2231 section 5: a language may follow the charset.
	w.charset, _, _ = strings.Cut(charset, "*")
	w.bytes, ok = decodeWordText(encoding, rest[:end])
	return w, length, ok
}

func decodeWordText(encoding byte, text string) ([]byte, bool) {
	ignore := func(string) {}
	switch encoding {
	case 'b':
		d := base64Decoder{defect: ignore}
		return d.end(d.decode(make([]byte, 0, len(text)), []byte(text))), true
	case 'q':
		// A trailing equals sign is no soft line break here.
		text = strings.ReplaceAll(text, "_", "=20") + "\n"
		var b []byte
		if q := (quotedReader{defect: ignore}); len(text) < 4096 && strings.IndexByte(text, '\n') == len(text)-1 {
			q.decode([]byte(text)) // one short line needs no reader
			b = q.rest
		} else {
			b, _ = io.ReadAll(decodeTransfer("quoted-printable", strings.NewReader(text), ignore))
		}
		return bytes.TrimSuffix(b, []byte("\n")), true
	}
	return nil, false
}
