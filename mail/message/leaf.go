package message

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"strings"
)

// Reports and forwarded headers are short; more of them is not looked at.
const reportLimit = 64 << 10

// leaf reads a part that has no parts: text of the body, or an attachment.
func (w *walker) leaf(h header, t mediaType, o origin) body {
	d := parseMediaType(h.get("content-disposition"))
	part := &partReader{src: w.src}
	if isBodyText(t, d, o) {
		return w.text(h, t, part)
	}
	return w.attachment(h, t, d, part)
}

// isBodyText tells what is shown as text from what is listed as a file.
func isBodyText(t, d mediaType, o origin) bool {
	if t.value != "text/plain" && t.value != "text/html" && t.value != "text/enriched" {
		return false
	}
	named := t.text("name") != "" || d.text("filename") != ""
	if o.multipart == "" {
		return !named || d.value != "attachment"
	}
	if d.value == "attachment" {
		return false
	}
	return !named || o.multipart == "alternative"
}

// text reads a text part. What its encoding makes nothing of is shown raw.
func (w *walker) text(h header, t mediaType, part *partReader) body {
	read, taken := newScratch(), newScratch()
	defer read.release()
	defer taken.release()
	// Quoted-printable takes up to three bytes for one.
	raw := w.gather(read, part, 3*w.lim.Text)
	decoded := raw
	encoding := h.get("content-transfer-encoding")
	if !strings.Contains(strings.ToLower(encoding), "base64") || looksBase64(raw) {
		source := bytes.NewReader(raw)
		if content := decodeTransfer(encoding, source, w.problem); content != io.Reader(source) {
			decoded = taken.readAll(content)
		}
	} else if len(bytes.TrimSpace(raw)) > 0 {
		w.problem("text declared as base64 that is not: shown as it is")
	}
	if len(bytes.TrimSpace(decoded)) == 0 && len(bytes.TrimSpace(raw)) > 0 {
		w.raw("text whose transfer encoding gives nothing: shown as it is")
		decoded = raw
	}
	charset := t.params["charset"]
	if t.value == "text/html" {
		if charset == "" {
			charset = htmlCharset(decoded)
		}
		b := w.decodeText(decoded, charset)
		return body{html: b.text, charset: b.charset}
	}
	b := w.decodeText(decoded, charset)
	if strings.EqualFold(t.params["format"], "flowed") {
		b.text = unflow(b.text, strings.EqualFold(t.params["delsp"], "yes"))
	}
	return b
}

// looksBase64 tells base64 with some damage from text that was never encoded.
func looksBase64(raw []byte) bool {
	strange := 0
	for line := range bytes.Lines(raw) {
		for _, c := range bytes.TrimSpace(line) {
			if v := base64Values[c]; c == ' ' || v == base64Junk || v == base64Space && c != '\t' {
				strange++
			}
		}
	}
	return strange <= 1+len(raw)/20
}

// attachment hands the content of a part to keep and lists it.
func (w *walker) attachment(h header, t, d mediaType, part io.Reader) body {
	a := Attachment{Type: t.value, ContentID: messageID(h.get("content-id"))}
	name := d.text("filename")
	if name == "" {
		name = t.text("name")
	}
	a.Name = fileName(name, t.value)
	a.Inline = d.value == "inline" || d.value != "attachment" && a.ContentID != "" && strings.HasPrefix(t.value, "image/")

	content := decodeTransfer(h.get("content-transfer-encoding"), part, w.problem)
	copied := w.copyFor(t.value)
	if copied != nil {
		content = io.TeeReader(content, copied)
	}
	w.keepContent(&a, content)
	w.email.Attachments = append(w.email.Attachments, a)
	if copied != nil {
		return w.readCopy(t, copied.bytes)
	}
	return body{}
}

func (w *walker) keepContent(a *Attachment, content io.Reader) {
	m := &meter{r: content, a: a, hash: sha256.New()}
	switch {
	case w.keep == nil || w.keepErr != nil:
	case w.kept >= w.lim.Attachments:
		w.problem("attachments larger than the limit: the rest of them was not kept")
	default:
		w.keepErr = w.clock.outside(func() error { return w.keep(a, m) })
	}
	_, _ = io.Copy(io.Discard, m) // its error is that of the source, which Parse looks at
	m.done()
	w.kept += a.Size
}

// meter measures and hashes what is read through it.
type meter struct {
	r    io.Reader
	a    *Attachment
	hash hash.Hash
	size int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.hash.Write(p[:n])
	m.size += int64(n)
	if err != nil {
		m.done()
	}
	return n, err
}

func (m *meter) done() {
	m.a.Size = m.size
	m.hash.Sum(m.a.SHA256[:0])
}

// copyFor gives room for the parts that are looked into as well as kept.
func (w *walker) copyFor(typ string) *sample {
	switch typ {
	case "message/rfc822", "message/global":
		return &sample{limit: int(min(w.lim.Header+w.lim.Text, max(w.spare, 0)))}
	case "message/delivery-status", "message/global-delivery-status", "message/disposition-notification",
		"message/feedback-report", "text/rfc822-headers", "text/calendar":
		return &sample{limit: reportLimit}
	}
	return nil
}

func (w *walker) readCopy(t mediaType, content []byte) body {
	switch t.value {
	case "message/rfc822", "message/global":
		w.forwarded(content)
	case "text/calendar":
		w.facts.calendarMethod = calendarMethod(t.params["method"], content)
	default:
		w.facts.report(t.value, content)
	}
	return body{}
}

// forwarded reads the text of an email within the email.
func (w *walker) forwarded(content []byte) {
	if w.depth+1 >= w.lim.Depth || w.clock.expired() {
		w.problem("emails nested deeper than the limit: what is deeper was not looked into")
		return
	}
	if hasOnlyCR(content[:min(len(content), lineEndSample)]) {
		crToLF(content)
	}
	inner := newWalker(bytes.NewReader(content), w.lim, nil)
	defer inner.src.release()
	inner.depth, inner.parts, inner.clock, inner.spare = w.depth+1, w.parts, w.clock, w.spare
	inner.src.expired = w.clock.expired
	inner.src.sample = &sample{limit: reportLimit}
	h := inner.header(true)
	b := inner.entity(h, origin{})
	inner.src.drain()
	inner.fillBody(b)
	w.parts, w.spare = inner.parts, inner.spare
	for _, p := range inner.email.Problems {
		w.problem(p)
	}
	w.fwd = append(w.fwd, forwardedText(h, inner.email.Text))
	w.fwd = append(w.fwd, inner.fwd...)
}

// forwardedText puts the fields that people want to see above the text.
func forwardedText(h header, text string) string {
	var b strings.Builder
	for _, name := range []string{"From", "Date", "To", "Subject"} {
		if v := h.text(strings.ToLower(name)); v != "" {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	return strings.TrimSpace(b.String() + "\n" + text)
}
