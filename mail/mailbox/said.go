package mailbox

import (
	"strings"

	"github.com/emersion/go-imap/v2"
)

// saidLength is how many bytes of a server's text an error repeats.
const saidLength = 160

// said is what a refusal adds to an error: code and text, without the user's
// name and password, which some servers repeat.
func (s *Session) said(refused *imap.Error) string {
	text := refused.Text
	if refused.Code != "" {
		text = "[" + string(refused.Code) + "] " + text
	}
	text = s.discreet(text)
	if alert := s.discreet(s.wire.lastAlert()); alert != "" {
		text = strings.TrimSpace(text + " after the alert: " + alert)
	}
	if text == "" {
		return ""
	}
	return " (it said: " + text + ")"
}

// discreet cleans a server's text and takes the account's secrets out of it.
func (s *Session) discreet(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return clean(text)
}

// clean makes a server's text fit for an error: printable ASCII, short, and
// without anything that may be an address.
func clean(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
	for i, word := range words {
		if strings.Contains(word, "@") {
			words[i] = "***"
		}
	}
	text = strings.Join(words, " ")
	return text[:min(len(text), saidLength)]
}
