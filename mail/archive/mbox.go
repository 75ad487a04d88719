package archive

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// ErrNotMbox says that a file, or the place in it, does not begin with a From_ line.
var ErrNotMbox = errors.New("this is no mbox: it does not begin with a From_ line")

// lineBuffer is how much of a line is looked at, and all that is held in memory of an email.
const lineBuffer = 64 << 10

// Mbox reads the emails of one mbox file (RFC 4155), in order. All kinds are taken: where a Content-Length fits,
// it says where the email ends (mboxcl2); else a From_ line does, and the quotes of mboxo and mboxrd are taken
// off. Memory is bounded whatever the file holds. It is used by one goroutine.
type Mbox struct {
	file  *os.File
	size  int64
	r     *bufio.Reader
	at    int64     // offset of what r gives next
	next  *fromLine // of the email that comes next, already read
	email *mboxEmail
}

// fromLine begins an email.
type fromLine struct {
	at   int64
	date time.Time // zero where it names none
}

// OpenMbox opens a file; the caller closes it.
func OpenMbox(path string) (*Mbox, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Mbox{file: file, size: info.Size(), r: bufio.NewReaderSize(file, lineBuffer)}, nil
}

// Close closes the file.
func (m *Mbox) Close() error { return m.file.Close() }

// Offset is how many bytes were read, counted from the beginning of the file.
func (m *Mbox) Offset() int64 { return m.at }

// SeekTo makes Next give the email of that key; ErrNotMbox where none begins there.
func (m *Mbox) SeekTo(key int64) error {
	at := key - 1
	if _, err := m.file.Seek(at, io.SeekStart); err != nil {
		return err
	}
	m.r.Reset(m.file)
	m.at, m.next, m.email = at, nil, nil
	head, err := m.r.Peek(len(fromPrefix))
	if err != nil && err != io.EOF {
		return err
	}
	if !bytes.Equal(head, fromPrefix) {
		return ErrNotMbox
	}
	return nil
}

// Next is the next email, io.EOF after the last. Its bytes are read from the reader before the next call; what is
// left unread is passed over. Its key is its place in the file: a later one has a higher key.
func (m *Mbox) Next() (Email, io.Reader, error) {
	if m.email != nil {
		if _, err := io.Copy(io.Discard, m.email); err != nil {
			return Email{}, nil, err
		}
	}
	if m.next == nil {
		if m.email != nil {
			return Email{}, nil, io.EOF
		}
		if err := m.first(); err != nil {
			return Email{}, nil, err
		}
	}
	from := m.next
	m.next, m.email = nil, &mboxEmail{m: m, header: true, length: -1}
	return Email{Key: from.at + 1, Date: from.date}, m.email, nil
}

// first reads the From_ line at the beginning. Blank lines before it are harmless.
func (m *Mbox) first() error {
	for {
		at := m.at
		line, err := m.line()
		switch {
		case err != nil:
			return err
		case isBlank(line):
		case bytes.HasPrefix(line, fromPrefix):
			date, _ := fromDate(line)
			m.next = &fromLine{at: at, date: date}
			return m.restOfLine(line)
		default:
			return ErrNotMbox
		}
	}
}

func (m *Mbox) restOfLine(line []byte) (err error) {
	for err == nil && line[len(line)-1] != '\n' {
		line, err = m.line()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// line reads to the end of the line, or as much of it as the buffer holds. It is valid until the next read.
func (m *Mbox) line() ([]byte, error) {
	line, err := m.r.ReadSlice('\n')
	m.at += int64(len(line))
	if errors.Is(err, bufio.ErrBufferFull) || err == io.EOF && len(line) > 0 {
		err = nil
	}
	return line, err
}

// mboxEmail reads one email out of the file.
type mboxEmail struct {
	m         *Mbox
	out, then []byte // to be given out, in this order
	held      []byte // a blank line that may belong to the From_ line behind it
	own       []byte // a line that looking ahead would overwrite
	err       error

	header  bool
	middle  bool  // of a long line
	length  int64 // by its Content-Length; -1: none
	lengths int   // how many of them it has
	exact   int64 // bytes that are certainly its own
	over    bool  // all of it was given out
}

// Read gives the email's bytes, without the From_ line and its quotes.
func (b *mboxEmail) Read(p []byte) (int, error) {
	for len(b.out) == 0 {
		switch {
		case len(b.then) > 0:
			b.out, b.then = b.then, nil
		case b.err != nil:
			return 0, b.err
		default:
			b.err = b.fill()
		}
	}
	n := copy(p, b.out)
	b.out = b.out[n:]
	return n, nil
}

func (b *mboxEmail) fill() error {
	if b.exact > 0 {
		return b.fillExact()
	}
	at := b.m.at
	line, err := b.m.line()
	if err != nil {
		return err // at the end of the file the blank line that is held goes with it
	}
	starts := !b.middle
	b.middle = line[len(line)-1] != '\n'
	if starts && bytes.HasPrefix(line, fromPrefix) {
		b.own = append(b.own[:0], line...)
		line = b.own
		if from, ok := b.m.isFromLine(line, at); ok {
			b.m.next = from
			return io.EOF
		}
	}
	switch {
	case b.over && isBlank(line): // behind the length
	case starts && isBlank(line) && b.header:
		b.out, b.header = line, false
		b.takeLength()
	case starts && isBlank(line):
		b.out, b.held = b.held, bytes.Clone(line)
	default:
		if starts && b.header {
			b.noteLength(line)
		}
		if starts && !b.header {
			line = unquoted(line)
		}
		b.out, b.then, b.held = b.held, line, nil
		if len(b.out) == 0 {
			b.out, b.then = line, nil
		}
	}
	return nil
}

func (b *mboxEmail) fillExact() error {
	part, err := b.m.r.Peek(int(min(b.exact, lineBuffer)))
	if len(part) == 0 {
		return err
	}
	b.out = part
	n, _ := b.m.r.Discard(len(part)) // peeked at, so they are there, and stay until the next read
	b.m.at += int64(n)
	b.exact -= int64(n)
	b.over = b.exact == 0
	return nil
}

// takeLength believes a Content-Length only where an email or the file ends there: whoever wrote the email may
// have written it too.
func (b *mboxEmail) takeLength() {
	if b.lengths == 1 && b.length > 0 && b.m.endsAt(b.m.at+b.length) {
		b.exact = b.length
	}
}
