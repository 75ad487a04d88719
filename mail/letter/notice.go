package letter

// Notice tells staff that a ticket was opened.
type Notice struct {
	Desk            string
	TicketNumber    string
	Subject         string
	From            Address // who wrote
	Verified        bool    // the From domain was proved
	Priority        string
	PriorityReasons []string
	Excerpt         string
	Link            string // where staff answer it
}
