package letter

import "time"

// Answer is what a member of staff writes to the requester of a ticket.
type Answer struct {
	Look
	Desk         string
	AuthorName   string // empty: signed by the desk alone
	TicketNumber string // digits, without #
	Subject      string
	Body         string // plain text; its links become clickable in HTML
	Quoted       Quoted // the client's last message; empty Text: none
	Link         string // the ticket's page, empty if there is none
}

// Quoted is an earlier message, of which the answer repeats the beginning.
type Quoted struct {
	Name string
	At   time.Time // zero: not written
	Text string
}

// quotedBy is the line above the quoted text.
func (a Answer) quotedBy() string {
	key, name, at := "letter.you_wrote", OneLine(a.Quoted.Name), a.Quoted.At
	if name != "" {
		key = "letter.name_wrote"
	}
	if at.IsZero() {
		return a.T(key, "name", name)
	}
	return a.T(key+"_at", "name", name, "time", a.Language.Time(at, a.Zone))
}

// RenderAnswer writes a person's letter: nothing marks it as automatic.
func RenderAnswer(a Answer) (Rendered, error) {
	quoted, by := excerpt(a.Quoted.Text), ""
	if quoted != "" {
		by = a.quotedBy()
	}
	r, err := a.write("answer", values{
		lines: map[string]string{"desk": OneLine(a.Desk), "number": OneLine(a.TicketNumber), "subject": a.subject(a.Subject, a.TicketNumber),
			"author": OneLine(a.AuthorName), "link": a.Link, "quoted_by": by},
		quoted: map[string]string{"quoted": quoted}, body: printable(a.Body)})
	r.Subject, r.Auto = a.replySubject(a.Subject, a.TicketNumber), AutoNone
	return r, err
}
