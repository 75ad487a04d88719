package letter

import "time"

// Acknowledgement tells a client that their email has become a ticket.
type Acknowledgement struct {
	Look
	Desk         string // how the desk calls itself
	TicketNumber string // digits, without #
	Subject      string // of the client's email
	ContactName  string // empty: greeted without a name
	// Excerpt of the client's email, cut short here. Leave it empty for a
	// sender who is not proved: the letter would carry a stranger's words to a
	// forged address.
	Excerpt string
	Back    time.Time // when the desk answers next; zero: now, or nothing is said of it
	Link    string    // the ticket's page, empty if there is none
}

// RenderAcknowledgement answers the client's email automatically.
func RenderAcknowledgement(a Acknowledgement) (Rendered, error) {
	day, clock := "", ""
	if !a.Back.IsZero() {
		day, clock = a.Language.Day(a.Back, a.Zone), a.Language.Clock(a.Back, a.Zone)
	}
	r, err := a.write("acknowledgement", values{
		lines: map[string]string{"desk": OneLine(a.Desk), "number": OneLine(a.TicketNumber), "subject": a.subject(a.Subject, a.TicketNumber),
			"name": OneLine(a.ContactName), "day": day, "clock": clock, "link": a.Link},
		quoted: map[string]string{"excerpt": excerpt(a.Excerpt)}})
	r.Subject, r.Auto = a.replySubject(a.Subject, a.TicketNumber), AutoReplied
	return r, err
}
