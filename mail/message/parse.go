package message

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// More problems than this say nothing more.
const maxProblems = 50

// Parse reads one email. It never fails because of the bytes: whatever they
// are, the text is kept and the defects are named in Problems. keep is called
// for each attachment, inline images too, with its decoded content; Size and
// SHA256 are set once the content was read to its end, which Parse does for
// keep if need be. With a nil keep the content is only measured and hashed.
// The error is that of r or of keep.
func Parse(r io.Reader, lim Limits, keep func(a *Attachment, content io.Reader) error) (*Email, error) {
	raw := newRawReader(r)
	defer raw.release()
	w := newWalker(raw, lim, keep)
	defer w.src.release()
	e := w.email
	h := w.header(true)
	held := newScratch()
	defer held.release()
	w.src.sample = &sample{bytes: held.bytes[:0], limit: int(min(lim.Text, 256<<10))}
	body := w.entity(h, origin{})
	w.src.drain()
	switch {
	case w.keepErr != nil:
		return nil, fmt.Errorf("keep attachment: %w", w.keepErr)
	case w.src.err != nil:
		return nil, fmt.Errorf("read email: %w", w.src.err)
	}
	w.nameLimits()
	var err error
	if e.ContentKey, err = raw.finish(); err != nil {
		return nil, fmt.Errorf("read email: %w", err)
	}
	e.header = h
	readFields(e, h, w.problem)
	w.fillBody(body)
	classify(e, h, &w.facts)
	w.fillReply()
	return e, nil
}

// walker reads one email part by part and gathers what it finds in email.
type walker struct {
	src     *lineSource
	lim     Limits
	keep    func(*Attachment, io.Reader) error
	email   *Email
	clock   *budget
	parts   int   // seen so far
	kept    int64 // bytes handed to keep
	spare   int64 // bytes of text that may still be gathered
	depth   int   // of the email itself, where it is forwarded within another
	facts   facts // what classify wants to know of the parts
	fwd     []string
	keepErr error
}

func newWalker(r io.Reader, lim Limits, keep func(*Attachment, io.Reader) error) *walker {
	clock := &budget{limit: lim.Time, start: time.Now()}
	return &walker{
		src: newLineSource(r, lim.Total, clock.expired), lim: lim, keep: keep,
		email: &Email{}, clock: clock, spare: 4 * lim.Text,
	}
}

func (w *walker) problem(p string) {
	e := w.email
	if len(e.Problems) < maxProblems && !slices.Contains(e.Problems, p) {
		e.Problems = append(e.Problems, p)
	}
}

// raw is problem where bytes are shown for text.
func (w *walker) raw(p string) {
	w.email.Raw = true
	w.problem(p)
}

func (w *walker) header(top bool) header {
	r := headerReader{src: w.src, limit: w.lim.Header, problem: w.problem, top: top}
	h := r.read()
	w.email.Raw = w.email.Raw || top && len(h) == 0
	return h
}

func (w *walker) nameLimits() {
	if w.src.truncated {
		w.problem("email longer than the limit: the rest of it was not read")
	}
	if w.src.ranOut {
		w.problem("parsing took longer than its time: the rest of the email was not read")
	}
}

// fillBody makes Text and HTML of what was gathered.
func (w *walker) fillBody(b body) {
	e := w.email
	e.Text = trimBlankLines(b.text)
	if len(e.Text) == 0 && b.html != "" && !w.clock.expired() {
		e.Text = trimBlankLines(htmlText(b.html))
	}
	if b.html != "" && !w.clock.expired() {
		e.HTML = strings.TrimSpace(CleanText(sanitizeHTML(b.html)))
	}
	if e.Text == "" && e.HTML == "" && len(e.Attachments) == 0 {
		if raw := trimBlankLines(CleanText(literal(string(w.src.sample.bytes)))); raw != "" {
			w.raw("no text could be read from the body: the raw text is shown")
			e.Text = raw
		}
	}
	if int64(len(e.Text)) > w.lim.Text {
		w.problem("text longer than the limit: the rest of it was left out")
		e.Text = strings.ToValidUTF8(e.Text[:w.lim.Text], "")
	}
	e.Charset = b.charset
}

// fillReply cuts the text into what is new and what is not.
func (w *walker) fillReply() {
	e := w.email
	if w.clock.expired() {
		w.problem("parsing took longer than its time: the reply was not told from the quotes")
		e.Reply = e.Text
		return
	}
	x := extractReply(e.Text, w.clock.expired)
	if above, below := aboveReplyLine(x.reply); below != "" {
		x = extractReply(above, w.clock.expired)
		x.cut = strings.TrimSpace(x.cut + "\n" + fromReplyLine(e.Text))
	}
	e.Reply, e.Cut, e.Signature = x.reply, x.cut, x.signature
	if x.forwarded == "" && isForwardSubject(e.Subject) {
		x.forwarded = x.embedded
	}
	if x.forwarded != "" {
		w.fwd = append([]string{x.forwarded}, w.fwd...)
	}
	e.Forwarded = strings.Join(w.fwd, "\n\n")
	if int64(len(e.Forwarded)) > w.lim.Text {
		e.Forwarded = strings.ToValidUTF8(e.Forwarded[:w.lim.Text], "")
	}
}
