package letter

// Acknowledgement tells a client that their email has become a ticket.
type Acknowledgement struct {
	Desk         string // how the desk calls itself
	TicketNumber string // digits, without #
	Subject      string // of the client's email
	ContactName  string // empty: greeted without a name
	// Excerpt of the client's email. Leave it empty for a sender who is not
	// proved: the letter would carry a stranger's words to a forged address.
	Excerpt string
	Link    string // the ticket's page, empty if there is none
}
