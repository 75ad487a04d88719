package message

import (
	"bufio"
	"bytes"
	"io"
	"sync"
)

// rawReader reads the bytes of a whole email, whose lines end in CR alone as if
// they ended in LF, and makes the email's key of them as they pass.
type rawReader struct {
	br     *bufio.Reader
	onlyCR bool
	err    error // of the reader below, other than io.EOF
	key    keyer
}

// The kind of line end shows within so many bytes.
const lineEndSample = 4096

var rawReaders = sync.Pool{New: func() any { return &rawReader{br: bufio.NewReaderSize(nil, lineEndSample)} }}

// newRawReader is to be released.
func newRawReader(raw io.Reader) *rawReader {
	r := rawReaders.Get().(*rawReader)
	r.br.Reset(raw)
	r.err = nil
	r.key.reset()
	head, _ := r.br.Peek(lineEndSample)
	r.onlyCR = hasOnlyCR(head)
	return r
}

func (r *rawReader) release() {
	r.br.Reset(nil)
	rawReaders.Put(r)
}

func (r *rawReader) Read(p []byte) (int, error) {
	n, err := r.br.Read(p)
	if r.onlyCR {
		crToLF(p[:n])
	}
	r.key.write(p[:n])
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// finish reads what is left and gives the key of it all.
func (r *rawReader) finish() (key [32]byte, err error) {
	if r.err == nil {
		_, _ = io.Copy(io.Discard, r)
	}
	if r.err != nil {
		return key, r.err
	}
	return r.key.sum(), nil
}

func hasOnlyCR(head []byte) bool {
	return bytes.IndexByte(head, '\r') >= 0 && bytes.IndexByte(head, '\n') < 0
}

func crToLF(p []byte) {
	for i, c := range p {
		if c == '\r' {
			p[i] = '\n'
		}
	}
}
