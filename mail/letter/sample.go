package letter

import (
	"fmt"
	"time"
)

// sampled is when things happen in samples.
var sampled = time.Date(2026, 3, 3, 14, 5, 0, 0, time.UTC)

// Sample writes a letter of that kind about a made-up ticket, for people who try a template.
func Sample(kind string, l Look, desk string) (Rendered, error) {
	const number, subject, link = "1042", "Printer", "https://desk.example/t/1042"
	const question = "The printer on the second floor jams.\nWhat can we do?"
	switch kind {
	case "acknowledgement":
		return RenderAcknowledgement(Acknowledgement{Look: l, Desk: desk, TicketNumber: number, Subject: subject, ContactName: "Ann Example",
			Excerpt: question, Link: link, Back: sampled.Add(18 * time.Hour)})
	case "answer":
		return RenderAnswer(Answer{Look: l, Desk: desk, AuthorName: "Bo Example", TicketNumber: number, Subject: subject,
			Body: "Please open the lid and take the paper out.\nhttps://desk.example/help", Link: link,
			Quoted: Quoted{Name: "Ann Example", At: sampled, Text: question}})
	case "notice", "held_notice":
		n := Notice{Look: l, Desk: desk, TicketNumber: number, Subject: subject, Link: link, Excerpt: question, Priority: "high",
			PriorityReasons: []string{"the contact is tagged VIP"}, From: Address{Name: "Ann Example", Address: "ann@client.example"}}
		if kind == "held_notice" {
			n.Held = "DKIM"
		}
		return RenderNotice(n)
	case "outage":
		return RenderOutage(Outage{Look: l, Desk: desk, Mailbox: "support@desk.example", Server: "imap.desk.example:993", Since: sampled,
			Summary: l.T("outage.login_refused"), Remedy: l.T("outage.login_refused_remedy"), Detail: "LOGIN failed"})
	}
	return Rendered{}, fmt.Errorf("letter: no sample of a %s", kind)
}
