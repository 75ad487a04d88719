package main

import (
	"fmt"
	"io"
	"net/mail"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/message"
)

// becomes says of a disposition what it means in an import.
var becomes = map[string]string{
	inbox.Opened:         "a ticket each",
	inbox.Replied:        "messages of those tickets",
	inbox.Held:           "on a ticket, not yet shown: the sender takes no part in it",
	inbox.AutoReply:      "set aside: automatic replies",
	inbox.Bounce:         "set aside: bounces",
	inbox.DelayNotice:    "set aside: notices of a delay",
	inbox.FeedbackReport: "set aside: complaints of mail providers",
	inbox.Receipt:        "set aside: receipts",
	inbox.CalendarReply:  "set aside: answers to invitations",
	inbox.List:           "set aside: mailing lists",
	inbox.Duplicate:      "the desk has them already",
	inbox.OwnLoop:        "skipped: written by the desk's own addresses, as those of a Sent folder are",
	inbox.Spam:           "set aside: spam",
	inbox.Oversize:       "a ticket each, with the beginning alone: above POSTERN_MAX_EMAIL_BYTES",
	inbox.Quarantined:    "a ticket each, with the original attached: they could not be read",
	"":                   "a running desk goes on with them, and so does the same command",
}

// tellCounts writes one line for each disposition, and what to do where all was skipped.
func tellCounts(w io.Writer, counts []inbox.Counted) {
	total, own := 0, 0
	for _, c := range counts {
		total += c.Emails
		name := c.Disposition
		if name == "" {
			name = "(none yet)"
		}
		if name == inbox.OwnLoop {
			own = c.Emails
		}
		words := ""
		if becomes[c.Disposition] != "" {
			words = "  " + becomes[c.Disposition]
		}
		fmt.Fprintf(w, "  %-16s %7s%s\n", name, thousands(c.Emails), words)
	}
	if own > 0 && own == total {
		fmt.Fprintln(w, "All were skipped: import the folders that clients wrote to, such as INBOX and Archive, and not Sent.")
	}
}

// ownAddresses are those that letters of the desk come from.
func ownAddresses(boxes []mailboxes.Mailbox) map[string]bool {
	own := map[string]bool{}
	for _, m := range boxes {
		own[m.AddressNorm] = true
	}
	return own
}

// isOwn tells by its From whether the desk wrote an email; head is its beginning.
func isOwn(head io.Reader, own map[string]bool) bool {
	m, err := mail.ReadMessage(head)
	if err != nil {
		return false
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 {
		return false
	}
	norm, ok := message.NormalizeAddress(from[0].Address)
	plain, _ := message.SplitTag(norm)
	return ok && (own[norm] || own[plain])
}
