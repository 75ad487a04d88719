package message

import (
	"errors"
	"strings"
)

// ErrAddress says that a text is not one email address.
var ErrAddress = errors.New("not an email address")

// NormalizeAddress gives the form in which addresses are compared and stored:
// trimmed, NFC, lower-case, the domain in ASCII. False if s is no address.
func NormalizeAddress(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	return s, strings.Contains(s, "@")
}

// ParseAddress reads one mailbox, with or without a display name.
func ParseAddress(s string) (Address, error) {
	if _, ok := NormalizeAddress(s); !ok {
		return Address{}, ErrAddress
	}
	return Address{Address: strings.TrimSpace(s)}, nil
}

// SplitTag takes the plus-address tag off an address: "support+t-abc@x" gives
// "support@x" and "t-abc". The tag is lower-case, and "" when there is none.
func SplitTag(address string) (mailbox, tag string) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address, ""
	}
	// The last plus: the mailbox's own address may have one.
	plus := strings.LastIndexByte(address[:at], '+')
	if plus <= 0 {
		return address, ""
	}
	return address[:plus] + address[at:], strings.ToLower(address[plus+1 : at])
}
