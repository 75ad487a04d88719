package message

import (
	"bytes"
	"slices"
	"strings"
)

type field struct {
	name  string // lower-case
	value string // raw bytes, unfolded, trimmed
}

type header []field

// get is the first value of a field, raw; "" when there is none.
func (h header) get(name string) string {
	for _, f := range h {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

func (h header) all(name string) []string {
	var out []string
	for _, f := range h {
		if f.name == name {
			out = append(out, f.value)
		}
	}
	return out
}

func (h header) has(name string) bool {
	return slices.ContainsFunc(h, func(f field) bool { return f.name == name })
}

// text is a field for people: encoded words decoded, on one line.
func (h header) text(name string) string {
	return CleanLine(decodeWords(h.get(name)))
}

// Headers is the header by lower-case field name, for people: encoded words decoded, each field on one line of at
// most maxValue bytes, a field that comes several times one a line. Beyond the first most fields it says nothing.
func (e *Email) Headers(most, maxValue int) map[string]string {
	out := make(map[string]string, min(len(e.header), most))
	for _, f := range e.header[:min(len(e.header), most)] {
		value := f.value[:min(len(f.value), maxValue)]
		value = CleanLine(decodeWords(value))
		if len(value) > maxValue {
			value = strings.ToValidUTF8(value[:maxValue], "")
		}
		if before, again := out[f.name]; again {
			value = before + "\n" + value
		}
		out[f.name] = value
	}
	return out
}

// headerReader reads one header block and repairs it: an mbox line before it,
// lines that are no field, no blank line after it, no header at all.
type headerReader struct {
	src     *lineSource
	limit   int64
	problem func(string)
	top     bool // of the whole email, not of a part
}

func (r *headerReader) read() header {
	block, blanks, ended := r.block()
	if len(block) > 0 && isMboxLine(block[0]) && r.top {
		r.problem("mbox line before the header")
		block = block[1:]
	}
	n := headerLength(block)
	if n == 0 && len(block) > 0 {
		r.problem("no header")
		r.giveBack(append(blanks, block...), ended)
		return nil
	}
	if n < len(block) {
		r.problem("no blank line between header and body")
		r.giveBack(block[n:], ended)
	}
	return r.fields(block[:n])
}

// giveBack makes lines that are not header the beginning of the body.
func (r *headerReader) giveBack(lines [][]byte, ended bool) {
	if ended {
		lines = append(lines, []byte("\r\n"))
	}
	r.src.unread(lines)
}

// block reads up to the blank line, which ended says was there.
func (r *headerReader) block() (block, blanks [][]byte, ended bool) {
	var size int64
	kept := make([]byte, 0, 4096) // the lines; those already in it stay valid when it grows
	keep := func(line []byte) []byte {
		kept = append(kept, line...)
		return kept[len(kept)-len(line) : len(kept) : len(kept)]
	}
	for {
		line, ok := r.src.next()
		if !ok {
			return block, blanks, false
		}
		if r.src.piece && len(block) > 0 {
			block[len(block)-1] = append(block[len(block)-1], line...)
		} else if isBlank(line) {
			if r.top && len(block) == 0 && len(blanks) < 100 {
				blanks = append(blanks, keep(line))
				continue
			}
			return block, blanks, true
		} else {
			block = append(block, keep(line))
		}
		if size += int64(len(line)); size > r.limit {
			if headerLength(block) == len(block) {
				r.problem("header longer than the limit: the rest of it was left out")
				r.skip()
			}
			return block, blanks, false
		}
	}
}

func (r *headerReader) skip() {
	for {
		line, ok := r.src.next()
		if !ok || isBlank(line) && !r.src.piece {
			return
		}
	}
}

func (r *headerReader) fields(block [][]byte) header {
	h := make(header, 0, len(block))
	var values []byte
	ends := make([]int, 0, len(block)) // of each field's value in values
	for _, line := range block {
		line = bytes.TrimRight(line, "\r\n")
		name, value, ok := splitField(line)
		switch {
		case ok:
			h = append(h, field{name: name})
			values = append(values, value...)
			ends = append(ends, len(values))
			continue
		case len(h) == 0:
			r.problem("malformed header line left out")
			continue
		case line[0] != ' ' && line[0] != '\t':
			if slices.Contains(identityFields, h[len(h)-1].name) {
				r.problem("malformed header line left out")
				continue
			}
			r.problem("malformed header line taken as the continuation of " + h[len(h)-1].name)
			values = append(values, ' ')
		}
		values = append(values, line...)
		ends[len(ends)-1] = len(values)
	}
	all, begin := string(values), 0
	for i, end := range ends {
		h[i].value = strings.TrimSpace(all[begin:end])
		begin = end
	}
	return h
}

// In these, a line that is no field might add an address that no other reader sees.
var identityFields = []string{"from", "sender", "reply-to", "return-path", "message-id", "authentication-results"}

// headerLength says how many of these lines belong to the header; 0 if none does.
func headerLength(block [][]byte) int {
	n, known := 0, false
	for i, line := range block {
		raw, _, ok := cutField(line)
		folded := i > 0 && (line[0] == ' ' || line[0] == '\t')
		if known && n == i {
			if ok || folded {
				n = i + 1
			}
			continue
		}
		switch {
		case ok && isKnownField(lowerField(raw)):
			n, known = i+1, true
		case (ok || folded) && n == i:
			n = i + 1
		}
	}
	if !known {
		return 0
	}
	return n
}

// No field has a longer name.
const maxFieldName = 200

// cutField takes a header line apart (RFC 5322 section 2.2); white space
// before the colon is obsolete syntax (section 4.5).
func cutField(line []byte) (name, value []byte, ok bool) {
	colon := bytes.IndexByte(line[:min(len(line), maxFieldName+1)], ':')
	if colon <= 0 {
		return nil, nil, false
	}
	name = line[:colon]
	for len(name) > 0 && (name[len(name)-1] == ' ' || name[len(name)-1] == '\t') {
		name = name[:len(name)-1]
	}
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return nil, nil, false
		}
	}
	return name, line[colon+1:], len(name) > 0
}

// splitField is cutField with the name in lower-case.
func splitField(line []byte) (name string, value []byte, ok bool) {
	raw, value, ok := cutField(line)
	if !ok {
		return "", nil, false
	}
	return lowerField(raw), value, true
}

func lowerField(raw []byte) string {
	var lower [maxFieldName]byte
	for i, c := range raw {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	if known, ok := fieldNames[string(lower[:len(raw)])]; ok {
		return known
	}
	return string(lower[:len(raw)])
}

var knownFields = []string{
	"from", "to", "cc", "bcc", "subject", "date", "message-id", "sender", "reply-to", "in-reply-to",
	"references", "received", "return-path", "mime-version", "delivered-to", "envelope-to", "auto-submitted",
	"precedence", "authentication-results", "thread-topic", "thread-index", "user-agent", "importance",
	"priority", "comments", "keywords", "status", "organization", "errors-to", "apparently-to", "lines",
}

var knownFieldPrefixes = []string{"x-", "content-", "resent-", "list-", "arc-", "dkim-", "received-", "domainkey-"}

func isKnownField(name string) bool {
	if slices.Contains(knownFields, name) {
		return true
	}
	return slices.ContainsFunc(knownFieldPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// fieldNames spares the copies of the names that most emails have.
var fieldNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range slices.Concat(knownFields, []string{
		"dkim-signature", "arc-seal", "arc-message-signature", "arc-authentication-results", "received-spf", "content-type",
		"content-transfer-encoding", "content-disposition", "content-id", "content-language", "list-id", "list-post",
		"list-unsubscribe", "list-unsubscribe-post", "x-mailer", "x-original-to", "x-spam-flag", "x-spam-status", "x-priority",
		"x-google-smtp-source", "x-received", "x-gm-message-state", "feedback-id", "accept-language",
	}) {
		names[name] = name
	}
	return names
}()

func isMboxLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

func isBlank(line []byte) bool { return len(bytes.Trim(line, "\r\n")) == 0 }
