package main

import (
	"fmt"
	"net/smtp"
	"strings"
	"time"
)

// sampleEmails go the way of every email: by SMTP into the mailbox, and from there by IMAP.
func sampleEmails(server string) error {
	for i, e := range []struct{ from, name, subject, extra, body string }{
		{"maya@harbour.example", "Maya Hart", "Card reader at the till", "", "Hello,\n\nthe card reader loses its connection about once an hour. Can somebody have a look this week?\n\nThanks,\nMaya\n"},
		{"tom@harbour.example", "Tom Reed", "Urgent: ovens offline", "X-Priority: 1 (Highest)\n", "The monitoring shows all three ovens offline since six this morning.\n\n-- \nTom Reed\nHarbour Bakery\n"},
		{"lena@elsewhere.example", "Lena Moss", "Question about your opening hours", "", "Good morning, are you open on Saturdays?\n"},
		{"news@offers.example", "Offers", "Out of office: your enquiry", "Auto-Submitted: auto-replied\n", "I am away until Monday.\n"},
	} {
		raw := fmt.Sprintf("From: %s <%s>\nTo: %s\nSubject: %s\nDate: %s\nMessage-ID: <sample-%d-%d@%s>\n%sMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n%s",
			e.name, e.from, demoSupport, e.subject, time.Now().Format(time.RFC1123Z), i, time.Now().UnixNano(), strings.SplitN(e.from, "@", 2)[1], e.extra, e.body)
		if err := smtp.SendMail(server, nil, e.from, []string{demoSupport}, []byte(strings.ReplaceAll(raw, "\n", "\r\n"))); err != nil {
			return err
		}
	}
	return nil
}
