package message

import (
	"bytes"
	"html"
	"io"
	"strings"
)

// body is the text of a part: as text, as HTML, or both.
type body struct {
	text, html string
	charset    string
}

func (b body) empty() bool { return strings.TrimSpace(b.text) == "" && b.html == "" }

// origin says where a part stands.
type origin struct {
	multipart string // the subtype of the multipart around it; "" for the whole email
	first     bool   // of its multipart
	depth     int
}

// entity reads one part, up to the boundary behind it, and gives its text.
func (w *walker) entity(h header, o origin) body {
	t := contentType(h, o)
	if strings.HasPrefix(t.value, "multipart/") {
		if o.depth+w.depth < w.lim.Depth {
			return w.multipart(t, o)
		}
		w.raw("parts nested deeper than the limit: what is deeper is shown as raw text")
		return w.rawText()
	}
	return w.leaf(h, t, o)
}

// contentType is the declared type, or the default (RFC 2045 section 5.2, RFC
// 2046 section 5.1.5).
func contentType(h header, o origin) mediaType {
	t := parseMediaType(h.get("content-type"))
	switch {
	case t.value == "text" || t.value == "plain" || t.value == "text/":
		t.value = "text/plain"
	case t.value == "html":
		t.value = "text/html"
	case t.value == "" && o.multipart == "digest":
		t.value = "message/rfc822"
	case t.value == "" || t.value == "/":
		t.value = "text/plain"
	case t.value == "multipart", t.value == "multipart/":
		t.value = "multipart/mixed"
	case cleanType(t.value) == "":
		t.value = "application/octet-stream"
		if h.get("content-disposition") == "" && t.text("name") == "" {
			t.value = "text/plain"
		}
	}
	return t
}

// multipart reads the parts between the boundaries (RFC 2046 section 5.1).
func (w *walker) multipart(t mediaType, o origin) body {
	subtype := strings.TrimPrefix(t.value, "multipart/")
	if subtype == "report" && o.multipart == "" {
		w.facts.isReport = true
		w.facts.reportType = strings.ToLower(t.params["report-type"])
	}
	boundary := strings.TrimRight(t.params["boundary"], " \t")
	if boundary == "" {
		w.problem("multipart without a boundary")
	}
	level := len(w.src.bounds)
	w.src.bounds = append(w.src.bounds, boundary)
	preamble := w.preamble(level)
	joined := joiner{subtype: subtype}
	for n := 0; w.src.hit == level && !w.src.closing; n++ {
		if w.parts >= w.lim.Parts {
			w.problem("more parts than the limit: the rest of them was left out")
			break
		}
		w.parts++
		w.src.resume()
		inner := origin{multipart: subtype, first: n == 0, depth: o.depth + 1}
		joined.add(w.entity(w.header(false), inner))
		w.src.drain()
	}
	w.leave(level)
	if joined.n == 0 && strings.TrimSpace(preamble) != "" {
		w.raw("multipart without parts: its raw text is shown")
		joined.add(w.decodeText([]byte(preamble), ""))
	}
	return joined.body()
}

// leave closes the multipart of this level and reads up to where the one
// around it goes on.
func (w *walker) leave(level int) {
	w.src.bounds = w.src.bounds[:level]
	switch {
	case w.src.hit == level:
		w.src.resume()
		w.src.drain()
	case w.src.hit == noBoundary && w.src.truncated || w.src.ranOut:
	default:
		w.problem("multipart without a closing boundary")
	}
}

// preamble reads up to the first boundary and gives what stood before it. A
// line that can only be a boundary is taken for one where the declared one is
// missing or wrong.
func (w *walker) preamble(level int) string {
	var text, candidate []byte
	for {
		line, ok := w.src.next()
		if !ok {
			return string(text)
		}
		if candidate != nil && startsPartHeader(line) {
			w.problem("multipart whose boundary is not the declared one")
			w.src.bounds[level] = string(candidate)
			w.src.unread([][]byte{bytes.Clone(line)})
			w.src.stopped, w.src.hit, w.src.closing = true, level, false
			return string(text)
		}
		candidate = nil
		if token, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("--")); ok && len(token) > 0 && len(token) <= 200 {
			candidate = bytes.Clone(token)
		}
		if room := w.spare - int64(len(text)); room > 0 {
			text = append(text, line[:min(int64(len(line)), room)]...)
		}
	}
}

func startsPartHeader(line []byte) bool {
	name, _, ok := splitField(line)
	return ok && strings.HasPrefix(name, "content-")
}

// rawText reads what is not to be taken apart.
func (w *walker) rawText() body {
	read := newScratch()
	defer read.release()
	return w.decodeText(w.gather(read, &partReader{src: w.src}, w.lim.Text), "")
}

// gather reads the whole of r into the scratch and keeps what the limits allow.
func (w *walker) gather(s *scratch, r io.Reader, limit int64) []byte {
	b := s.readAll(io.LimitReader(r, min(limit, w.spare)))
	if n, _ := io.Copy(io.Discard, r); n > 0 {
		w.problem("text longer than the limit: the rest of it was left out")
	}
	w.spare -= int64(len(b))
	return b
}

// decodeText overwrites raw.
func (w *walker) decodeText(raw []byte, charset string) body {
	charset = normalizeCharset(charset)
	noText := bytes.IndexByte(raw, 0) >= 0 // in no charset of single bytes
	text, problem := decodeBytes(raw, charset)
	switch {
	case problem != "" && noText:
		w.raw(problem)
	case problem != "":
		w.problem(problem)
	}
	return body{text: cleanBytes(text), charset: charset}
}

// joiner puts the texts of a multipart together.
type joiner struct {
	subtype string
	n       int
	all     []body
}

func (j *joiner) add(b body) {
	j.n++
	if !b.empty() {
		j.all = append(j.all, b)
	}
}

func (j *joiner) body() body {
	if len(j.all) == 0 {
		return body{}
	}
	if j.subtype == "alternative" {
		return j.alternative()
	}
	out := body{charset: j.all[0].charset}
	var texts, pages []string
	rich := false
	for _, b := range j.all {
		texts = append(texts, trimBlankLines(b.asText()))
		pages = append(pages, b.asHTML())
		rich = rich || b.html != ""
	}
	out.text = strings.Join(texts, "\n\n")
	if rich {
		out.html = strings.Join(pages, "\n")
	}
	return out
}

// alternative takes one text and one HTML (RFC 2046 section 5.1.4). The text
// is the first that says something, since the others say the same.
func (j *joiner) alternative() body {
	out := body{charset: j.all[0].charset}
	for _, b := range j.all {
		if out.text == "" && strings.TrimSpace(b.text) != "" {
			out.text = b.text
		}
		if b.html != "" {
			out.html = b.html
		}
	}
	return out
}

func (b body) asText() string {
	if strings.TrimSpace(b.text) == "" && b.html != "" {
		return htmlText(b.html)
	}
	return b.text
}

func (b body) asHTML() string {
	if b.html != "" {
		return b.html
	}
	return "<p>" + strings.ReplaceAll(html.EscapeString(b.text), "\n", "<br>\n") + "</p>"
}
