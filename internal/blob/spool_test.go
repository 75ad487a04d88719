package blob

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// sized says how long it is, or what it holds for that.
type sized struct {
	io.Reader
	size int64
}

func (s sized) Size() int64 { return s.size }

// Tried: every size around a border, read at once and byte by byte, with the size known, unknown, and wrong in
// both directions; two spools at a time, so that memory handed out twice would show.
func TestSpoolsKeepWhatWasRead(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, largeBuffer - 1, largeBuffer, largeBuffer + 1, largeBuffer + bytes.MinRead, largeBuffer + bytes.MinRead + 1,
		mib - 1, mib, mib + 1, 2*mib + 1} {
		content, other := noise(uint64(n), n), noise(uint64(n)+1, n)
		for what, r := range map[string]io.Reader{
			"unknown":    io.MultiReader(bytes.NewReader(content)),
			"in pieces":  iotest.HalfReader(io.MultiReader(bytes.NewReader(content))),
			"known":      sized{bytes.NewReader(content), int64(n)},
			"too small":  sized{bytes.NewReader(content), int64(n) / 2},
			"too large":  sized{bytes.NewReader(content), int64(n) * 2},
			"impossible": sized{bytes.NewReader(content), -1},
		} {
			s, err := NewSpool(r)
			if err != nil {
				t.Fatal(err)
			}
			second, err := NewSpool(bytes.NewReader(other))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(s.Reader())
			if err != nil || !bytes.Equal(got, content) || s.Size() != int64(n) || s.Sum() != sha256.Sum256(content) || s.Large() != (n > mib) {
				t.Errorf("%d bytes, size %s: %d came back (%v)", n, what, len(got), err)
			}
			if head, err := s.Head(100); err != nil || !bytes.Equal(head, content[:min(100, n)]) {
				t.Errorf("%d bytes, size %s: head of %d bytes (%v)", n, what, len(head), err)
			}
			must(t, s.Close())
			must(t, second.Close())
		}
	}
}

func TestSpoolOfAFailingReader(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, n := range []int{10, mib + 10} {
		if s, err := NewSpool(io.MultiReader(bytes.NewReader(noise(1, n)), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Errorf("%d bytes: %v, %v", n, s, err)
		}
	}
}
