package message

import (
	"io"
	"sync"
)

// scratch is a buffer for bytes on their way to text. What is read into it
// stays valid until it is released.
type scratch struct{ bytes []byte }

// Larger buffers, which few emails need, are not kept for the next.
const maxScratch = 512 << 10

var scratches = sync.Pool{New: func() any { return &scratch{bytes: make([]byte, 16<<10)} }}

// newScratch is to be released.
func newScratch() *scratch { return scratches.Get().(*scratch) }

func (s *scratch) release() {
	if cap(s.bytes) <= maxScratch {
		scratches.Put(s)
	}
}

// readAll reads r to its end; what it is after an error is what came before.
func (s *scratch) readAll(r io.Reader) []byte {
	n := 0
	for {
		if n == len(s.bytes) {
			s.bytes = append(s.bytes, 0)
			s.bytes = s.bytes[:cap(s.bytes)]
		}
		m, err := r.Read(s.bytes[n:])
		n += m
		if err != nil {
			return s.bytes[:n]
		}
	}
}
