package mailbox

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// forNow is a kind of failure that is also ErrUnavailable.
type forNow string

func (f forNow) Error() string { return string(f) }

func (f forNow) Is(target error) bool { return target == ErrUnavailable }

// kindOf is the kind of a refusal, nil for one that says nothing of it. The words count before the code: Dovecot
// calls too many connections UNAVAILABLE, Gmail calls them ALERT, and Microsoft gives no code at all.
func kindOf(code imap.ResponseCode, text string) error {
	text = strings.ToLower(text)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("too many", "maximum number of") && has("connection", "session"):
		return ErrLimit
	case has("throttled", "backoff time", "bandwidth limit", "rate limit"):
		return ErrThrottled
	}
	switch code { // RFC 5530 3, RFC 9051 7.1
	case imap.ResponseCodeLimit:
		return ErrLimit
	case "THROTTLED": // Gmail and Yahoo, registered nowhere
		return ErrThrottled
	case imap.ResponseCodeOverQuota:
		return ErrQuota
	case imap.ResponseCodeAuthenticationFailed, imap.ResponseCodeAuthorizationFailed, imap.ResponseCodeExpired,
		imap.ResponseCodePrivacyRequired:
		return ErrAuth
	case imap.ResponseCodeUnavailable, imap.ResponseCodeInUse, imap.ResponseCodeServerBug:
		return ErrUnavailable
	}
	return nil
}

// kindOfText is kindOf for a text that may begin with its code in brackets.
func kindOfText(text string) error {
	code, rest, ok := strings.Cut(text, "]")
	if !ok || !strings.HasPrefix(code, "[") {
		return kindOf("", text)
	}
	code, _, _ = strings.Cut(strings.ToUpper(code[1:]), " ")
	return kindOf(imap.ResponseCode(code), rest)
}

// Exchange Online: "Request is throttled. Suggested Backoff Time: 9876 milliseconds".
var suggested = regexp.MustCompile(`(?i)backoff time: (\d{1,9}) milliseconds`)

// longestPause bounds what a server may ask for.
const longestPause = time.Hour

// RetryAfter is the pause that the server asked for in a failure, at most an hour; 0 where it named none.
func RetryAfter(err error) time.Duration {
	if err == nil {
		return 0
	}
	found := suggested.FindStringSubmatch(err.Error())
	if found == nil {
		return 0
	}
	ms, _ := strconv.Atoi(found[1]) // nine digits fit
	return min(time.Duration(ms)*time.Millisecond, longestPause)
}
