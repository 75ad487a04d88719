package letter

import "time"

// ReplyLine asks the reader to write above it; what a reply repeats below it
// is old text.
const ReplyLine = "=== Please write your reply above this line ==="

// Answer is what a member of staff writes to the requester of a ticket.
type Answer struct {
	Desk         string
	AuthorName   string // empty: signed by the desk alone
	TicketNumber string
	Subject      string
	Body         string
	Quoted       Quoted // the client's last message, empty Text: none
}

// Quoted is an earlier message of which the answer repeats the beginning.
type Quoted struct {
	Name string
	At   time.Time // written in UTC
	Text string
}
