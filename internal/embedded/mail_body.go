package embedded

import (
	"bytes"
	"errors"
	"io"
)

const (
	mailFirstPiece   = 4 << 10
	mailLargestPiece = 1 << 20
)

// mailBody is an email in memory, in pieces: one slice that grows would hold a
// large one twice.
type mailBody [][]byte

// readMailBody reads r to its end. It wastes less than what it read, and never
// more than mailLargestPiece.
func readMailBody(r io.Reader) (body mailBody, err error) {
	for size := mailFirstPiece; err == nil; size = min(2*size, mailLargestPiece) {
		piece, n := make([]byte, size), 0
		for n < size && err == nil {
			var more int
			more, err = r.Read(piece[n:])
			n += more
		}
		body = append(body, piece[:n])
	}
	// No io.ReadFull: ErrUnexpectedEOF is r's own word for a client that vanished.
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return body, err
}

func (b mailBody) reader() io.Reader {
	readers := make([]io.Reader, len(b))
	for i, piece := range b {
		readers[i] = bytes.NewReader(piece)
	}
	return io.MultiReader(readers...)
}

func (b mailBody) size() (n int) {
	for _, piece := range b {
		n += len(piece)
	}
	return n
}
