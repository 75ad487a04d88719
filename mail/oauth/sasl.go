package oauth

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The mechanisms.
const (
	Bearer  = "OAUTHBEARER" // RFC 7628
	XOAuth2 = "XOAUTH2"     // Google's, and the only one of Microsoft's
)

// Choose is the best mechanism that a server offers, empty where it has neither.
func Choose(offers func(mechanism string) bool) string {
	for _, m := range []string{Bearer, XOAuth2} {
		if offers(m) {
			return m
		}
	}
	return ""
}

// SASL is one login with an access token. Where the server refuses the token it first sends a challenge with the
// reason, which has to be answered before the refusal itself comes.
type SASL struct {
	Mechanism  string
	User, Host string
	Port       int
	Token      string
	Refused    string // the status out of that challenge
}

// Start returns the mechanism and the initial response.
func (s *SASL) Start() (mechanism string, initial []byte, err error) {
	user := strings.Map(func(r rune) rune {
		if r == '\x01' {
			return -1 // ends the field
		}
		return r
	}, s.User)
	if s.Mechanism == XOAuth2 {
		return s.Mechanism, fmt.Appendf(nil, "user=%s\x01auth=Bearer %s\x01\x01", user, s.Token), nil
	}
	// RFC 5801 4: in the GS2 header "=" and "," are written as =3D and =2C.
	gs2 := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	return s.Mechanism, fmt.Appendf(nil, "n,a=%s,\x01host=%s\x01port=%d\x01auth=Bearer %s\x01\x01", gs2, s.Host, s.Port, s.Token), nil
}

// Next answers the challenge: with nothing at XOAUTH2, with one 0x01 at OAUTHBEARER (RFC 7628 3.2.3).
func (s *SASL) Next(challenge []byte) ([]byte, error) {
	var reason struct{ Status string }
	if json.Unmarshal(challenge, &reason) == nil {
		s.Refused = code(reason.Status)
		if _, err := strconv.Atoi(reason.Status); err == nil && len(reason.Status) == 3 {
			s.Refused = reason.Status
		}
	}
	if s.Mechanism == Bearer {
		return []byte{1}, nil
	}
	return []byte{}, nil
}
