package blob

import (
	"errors"

	"github.com/klauspost/compress/s2"
)

// errDamaged is said of bytes that Pack did not make.
var errDamaged = errors.New("damaged bytes")

// Pack compresses bytes that will be stored. The result is a block of S2, which knows its own length.
func Pack(b []byte) []byte { return s2.Encode(nil, b) }

// Unpack is the reverse of Pack. Whatever says that it is longer than most bytes is damaged.
func Unpack(packed []byte, most int) ([]byte, error) {
	n, err := s2.DecodedLen(packed)
	if err != nil || n > most {
		return nil, errDamaged
	}
	b, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, errDamaged
	}
	return b, nil
}
