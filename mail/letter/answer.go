package letter

import "time"

// ReplyLine asks the reader to write above it; what a reply repeats below it
// is old text.
const ReplyLine = "=== Please write your reply above this line ==="

// Answer is what a member of staff writes to the requester of a ticket.
type Answer struct {
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
	At   time.Time // written in UTC; zero: not written
	Text string
}

// Intro is the line above the quoted text.
func (q Quoted) Intro() string {
	who, when := "You", ""
	if !q.At.IsZero() {
		who, when = "you", "On "+q.At.UTC().Format("2 January 2006, 15:04 UTC")+", "
	}
	if q.Name != "" {
		who = q.Name
	}
	return when + who + " wrote:"
}

// RenderAnswer writes a person's letter: nothing marks it as automatic.
func RenderAnswer(a Answer) (Rendered, error) {
	data := struct {
		Answer
		ReplyLine string
	}{a, ReplyLine}
	data.Desk, data.AuthorName = OneLine(a.Desk), OneLine(a.AuthorName)
	data.Body = printable(a.Body)
	data.Quoted.Name, data.Quoted.Text = OneLine(a.Quoted.Name), excerpt(a.Quoted.Text)
	text, html, err := render("answer", data)
	return Rendered{
		Subject: ReplySubject(a.Subject, a.TicketNumber),
		Text:    text, HTML: html, Auto: AutoNone,
	}, err
}
