// Package blob stores bytes under their SHA-256: once, compressed, in chunks.
package blob

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"sync"
)

// inMemory is how many bytes of one blob are held in memory on their way, and the size of a chunk.
const inMemory = 1 << 20

// Sum is the SHA-256 that names a blob.
type Sum [sha256.Size]byte

// Spool holds bytes on their way into the store: in memory up to 1 MiB, beyond that in a temporary file.
type Spool struct {
	sum    Sum
	size   int64
	memory []byte
	file   *os.File
}

// NewSpool reads r to its end. A reader with a Size method, which may be wrong, spares the growing. The caller
// closes the spool.
func NewSpool(r io.Reader) (*Spool, error) {
	head := buffers.Get().(*bytes.Buffer)
	defer giveBack(head)
	if sized, ok := r.(interface{ Size() int64 }); ok && sized.Size() > largeBuffer && sized.Size() <= inMemory {
		head = bytes.NewBuffer(make([]byte, 0, sized.Size()+bytes.MinRead))
	}
	n, err := head.ReadFrom(io.LimitReader(r, inMemory+1))
	if err != nil {
		return nil, err
	}
	s := &Spool{size: n, memory: head.Bytes()}
	if n <= inMemory {
		s.sum = sha256.Sum256(s.memory)
		if isShared(head) {
			s.memory = bytes.Clone(s.memory)
		}
		return s, nil
	}
	hash := sha256.New()
	hash.Write(s.memory)
	if err := s.spill(io.TeeReader(r, hash)); err != nil {
		s.Close()
		return nil, err
	}
	hash.Sum(s.sum[:0])
	return s, nil
}

// largeBuffer is the size from which bytes stay where they were read instead of being copied out of a buffer
// that is used again.
const largeBuffer = 64 << 10

var buffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, largeBuffer+bytes.MinRead)) }}

// isShared says that a buffer has not grown out of its use for others.
func isShared(b *bytes.Buffer) bool { return b.Cap() <= largeBuffer+bytes.MinRead }

func giveBack(b *bytes.Buffer) {
	if isShared(b) {
		b.Reset()
		buffers.Put(b)
	}
}

// spill moves what was read and the rest of r to a file without a name.
func (s *Spool) spill(rest io.Reader) error {
	file, err := os.CreateTemp("", "postern-spool-*")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.file = file
	// Removed while open: nothing is left behind by a kill.
	if err := os.Remove(file.Name()); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if _, err := file.Write(s.memory); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.memory = nil
	n, err := io.Copy(file, rest)
	s.size += n
	return err
}

// Sum names the bytes.
func (s *Spool) Sum() Sum { return s.sum }

// Size is the number of bytes.
func (s *Spool) Size() int64 { return s.size }

// Reader reads from the beginning; several readers may be used at once.
func (s *Spool) Reader() io.Reader {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.memory)
}

// Large reports whether the bytes lie in a file.
func (s *Spool) Large() bool { return s.file != nil }

// Close gives the memory or the file back.
func (s *Spool) Close() error {
	s.memory = nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Head is the first bytes, at most n of them; they are not to be changed.
func (s *Spool) Head(n int) ([]byte, error) {
	if s.file == nil {
		return s.memory[:min(n, len(s.memory))], nil
	}
	return io.ReadAll(io.NewSectionReader(s.file, 0, int64(n)))
}
