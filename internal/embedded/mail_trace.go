package embedded

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// mailTrace is what the lines above an email say about its way here.
type mailTrace struct {
	sender string // envelope sender, empty for a bounce
	client string // what it called itself in EHLO
	ip     string
	server string
	with   string // protocol, RFC 3848
	id     string
	at     time.Time
}

func newMailTrace(sender string) mailTrace {
	return mailTrace{sender: sender, id: strings.ToLower(rand.Text()), at: time.Now().UTC()}
}

// header writes the lines for one recipient (RFC 5321 4.4); Delivered-To keeps
// the tag that the mailbox's name lost.
func (t mailTrace) header(recipient string) []byte {
	to := bracketed(recipient)
	var b bytes.Buffer
	fmt.Fprintf(&b, "Return-Path: %s\r\n", bracketed(t.sender))
	fmt.Fprintf(&b, "Delivered-To: %s\r\n", strings.Trim(to, "<>"))
	fmt.Fprintf(&b, "Received: from %s ([%s])\r\n\tby %s (Postern demo) with %s id %s\r\n\tfor %s; %s\r\n",
		hostWord(t.client), t.ip, hostWord(t.server), t.with, t.id, to, t.at.Format(time.RFC1123Z))
	return b.Bytes()
}

// hostWord keeps a name from closing a comment or folding a line: whatever is
// no character of a host name or address literal becomes "?".
func hostWord(name string) string {
	word := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-._:[]", r):
			return r
		}
		return '?'
	}, name)
	if word == "" {
		return "unknown"
	}
	return word[:min(len(word), 255)] // RFC 5321 4.5.3.1.2
}

// withProtocol names the protocol as RFC 3848 and RFC 6531 3.7.3 register it.
func withProtocol(utf8, authenticated bool) string {
	name := "ESMTP"
	if utf8 {
		name = "UTF8SMTP"
	}
	if authenticated {
		name += "A"
	}
	return name
}
