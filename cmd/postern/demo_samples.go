package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// sampleEmail is one of those that are there at the beginning.
type sampleEmail struct {
	from, name, subject, extra, body string
	proved                           bool // handed in with the password, and so signed
}

var samples = []sampleEmail{
	{from: "maya@harbour.example", name: "Maya Hart", subject: "Card reader at the till", proved: true,
		body: "Hello,\n\nthe card reader loses its connection about once an hour. Can somebody have a look this week?\n\nThanks,\nMaya\n"},
	{from: "tom@harbour.example", name: "Tom Reed", subject: "Urgent: ovens offline", extra: "X-Priority: 1 (Highest)\n", proved: true,
		body: "The monitoring shows all three ovens offline since six this morning.\n\n-- \nTom Reed\nHarbour Bakery\n"},
	{from: "lena@elsewhere.example", name: "Lena Moss", subject: "Question about your opening hours",
		body: "Good morning, are you open on Saturdays?\n"},
	{from: "news@offers.example", name: "Offers", subject: "Out of office: your enquiry", extra: "Auto-Submitted: auto-replied\n",
		body: "I am away until Monday.\n"},
}

// sampleEmails go the way of every email: by SMTP into the mailbox, and from there by IMAP.
func sampleEmails(server, password string) error {
	for i, e := range samples {
		if err := e.send(server, password, i); err != nil {
			return err
		}
	}
	return nil
}

func (e sampleEmail) send(server, password string, number int) error {
	_, domain, _ := strings.Cut(e.from, "@")
	raw := fmt.Sprintf("From: %s <%s>\nTo: %s\nSubject: %s\nDate: %s\nMessage-ID: <sample-%d-%d@%s>\n%sMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n%s",
		e.name, e.from, demoSupport, e.subject, time.Now().Format(time.RFC1123Z), number, time.Now().UnixNano(), domain, e.extra, e.body)
	c, err := smtp.Dial(server)
	if err != nil {
		return err
	}
	defer c.Close()
	if e.proved {
		if err := c.Auth(sasl.NewPlainClient("", e.from, password)); err != nil {
			return err
		}
	}
	return c.SendMail(e.from, []string{demoSupport}, strings.NewReader(strings.ReplaceAll(raw, "\n", "\r\n")))
}
