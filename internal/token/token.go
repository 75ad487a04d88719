// Package token makes random tokens and the hashes they are stored as.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"strings"
)

// In email addresses letter case does not survive, so the alphabet is base32 in lower case.
var address = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ForAddress returns 32 characters that carry 160 random bits and survive any letter case.
func ForAddress() string {
	var b [20]byte
	rand.Read(b[:])
	return address.EncodeToString(b[:])
}

// ForURL returns 32 random bytes in base64url.
func ForURL() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash is what is stored of a token. The purpose keeps a token of one kind from being taken for another.
func Hash(purpose, token string) []byte {
	sum := sha256.Sum256([]byte(purpose + "\x00" + token))
	return sum[:]
}

// IsForAddress reports whether s, in lower case, has the shape of an address token.
func IsForAddress(s string) bool {
	if len(s) != 32 {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
