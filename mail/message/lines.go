package message

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
)

// A line longer than this is read in several pieces.
const lineBuffer = 64 << 10

// noBoundary stands for "the input is at its end" where a boundary's index is asked for.
const noBoundary = -1

// lineSource reads an email line by line and stops at the boundaries of the
// multiparts that are open. It looks at every byte once whatever the nesting
// is, and an unclosed multipart ends where the one around it goes on.
type lineSource struct {
	br    *bufio.Reader
	total *io.LimitedReader
	err   error // of the reader below, other than io.EOF

	back   [][]byte // lines that were read and given back
	middle bool     // the last piece did not end its line
	piece  bool     // what next gave goes on with the line before

	bounds  []string // of the open multiparts, outermost first
	stopped bool     // at a boundary or at the end: see hit
	hit     int      // index in bounds, or noBoundary at the end
	closing bool     // it was the closing boundary

	sample    *sample // where the bytes that pass are copied to, for the fallback
	count     int
	expired   func() bool
	ranOut    bool // of time
	truncated bool // the email is longer than the limit
}

// r is a rawReader, or a copy of bytes that came through one.
func newLineSource(r io.Reader, limit int64, expired func() bool) *lineSource {
	lr := &io.LimitedReader{R: r, N: limit}
	s := &lineSource{total: lr, expired: expired, hit: noBoundary, br: lineBuffers.Get().(*bufio.Reader)}
	s.br.Reset(lr)
	return s
}

var lineBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, lineBuffer) }}

// release gives the buffer back. No line may be used any more.
func (s *lineSource) release() {
	s.br.Reset(nil)
	lineBuffers.Put(s.br)
	s.br = nil
}

// next gives the next line with its line end, or a piece of it. It is false at
// a boundary and at the end, and stays so until resume. The line is valid until
// the next call.
func (s *lineSource) next() ([]byte, bool) {
	s.piece = false
	if len(s.back) > 0 {
		line := s.back[0]
		s.back = s.back[1:]
		return line, true
	}
	if s.stopped {
		return nil, false
	}
	line, start := s.read()
	s.piece = !start
	if len(line) == 0 {
		s.stopped, s.hit, s.closing = true, noBoundary, true
		return nil, false
	}
	if start {
		if i, closing, ok := s.boundary(line); ok {
			s.stopped, s.hit, s.closing = true, i, closing
			return nil, false
		}
	}
	return line, true
}

// resume goes on after a boundary. At the end there is nothing to go on with.
func (s *lineSource) resume() {
	if s.hit != noBoundary {
		s.stopped = false
	}
}

// unread gives lines back, to be read again in this order, even at a boundary.
func (s *lineSource) unread(lines [][]byte) {
	s.back = append(slices.Clone(lines), s.back...)
}

func (s *lineSource) read() (line []byte, start bool) {
	if s.ranOut || s.err != nil {
		return nil, true
	}
	if s.count++; s.count%256 == 0 && s.expired() {
		s.ranOut = true
		return nil, true
	}
	start = !s.middle
	line, err := s.br.ReadSlice('\n')
	s.middle = err == bufio.ErrBufferFull
	if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
		s.err = err
	}
	if len(line) == 0 && s.total.N <= 0 {
		s.checkTruncated()
	}
	if s.sample != nil {
		s.sample.Write(line)
	}
	return line, start
}

// checkTruncated tells an email that ends at the limit from a longer one.
func (s *lineSource) checkTruncated() {
	var one [1]byte
	if n, _ := io.ReadFull(s.total.R, one[:]); n > 0 {
		s.truncated = true
	}
}

// boundary finds the multipart whose boundary line is (RFC 2046 section 5.1.1).
func (s *lineSource) boundary(line []byte) (index int, closing, ok bool) {
	if len(s.bounds) == 0 || len(line) < 2 || line[0] != '-' || line[1] != '-' {
		return 0, false, false
	}
	rest := string(bytes.TrimRight(line[2:], " \t\r\n"))
	for i, b := range slices.Backward(s.bounds) {
		if after, found := strings.CutPrefix(rest, b); found && b != "" {
			if after == "" || after == "--" {
				return i, after == "--", true
			}
		}
	}
	return 0, false, false
}

// drain reads on to the next boundary or to the end.
func (s *lineSource) drain() {
	for {
		if _, ok := s.next(); !ok {
			return
		}
	}
}

// partReader reads the bytes of one part. The line end before a boundary is
// the boundary's (RFC 2046 section 5.1.1).
type partReader struct {
	src  *lineSource
	rest []byte // of the last line, still to be given
	due  string // a line end, to be given before rest
	eol  string // held back
}

// Read gives as many lines as b has room for.
func (p *partReader) Read(b []byte) (n int, err error) {
	for n < len(b) {
		if len(p.due) > 0 {
			c := copy(b[n:], p.due)
			p.due = p.due[c:]
			n += c
			continue
		}
		if len(p.rest) > 0 {
			c := copy(b[n:], p.rest)
			p.rest = p.rest[c:]
			n += c
			continue
		}
		line, ok := p.src.next()
		if ok {
			p.due = p.eol
			p.rest, p.eol = cutLineEnd(line)
		} else if p.src.hit == noBoundary && len(p.eol) > 0 {
			p.due, p.eol = p.eol, ""
		} else if n == 0 {
			return 0, io.EOF
		} else {
			break
		}
	}
	return n, nil
}

func cutLineEnd(line []byte) (text []byte, eol string) {
	n := len(line)
	switch {
	case n == 0 || line[n-1] != '\n':
		return line, ""
	case n > 1 && line[n-2] == '\r':
		return line[:n-2], "\r\n"
	}
	return line[:n-1], "\n"
}

// sample keeps the first bytes that are written to it.
type sample struct {
	bytes []byte
	limit int
}

func (s *sample) Write(p []byte) (int, error) {
	s.bytes = append(s.bytes, p[:min(len(p), s.limit-len(s.bytes))]...)
	return len(p), nil
}
