package inbox

import (
	"time"

	"github.com/postern-desk/postern/internal/limit"
	"github.com/postern-desk/postern/internal/tickets"
)

// heldNotices bounds how often in an hour staff are told of one ticket: whoever has stolen an id must not
// be able to flood them.
const heldNotices = 3

const strangerReason = "it was sent from an address that takes no part in the ticket"

// hold keeps a stranger's email off the ticket and says so there.
func (r *round) hold(x *reading, t *tickets.Thread, why string) error {
	key := "held:" + t.Ticket.ID.String()
	tell := !x.past() && r.again == nil // who reads it again sees it
	if tell {
		before, err := limit.Take(r.tx, time.Hour, map[string]int{key: 1})
		if err != nil {
			return err
		}
		tell = before[key] < heldNotices
	}
	r.tx.As(actorOf(x, nil))
	r.settle(x, Held, why+"; found by "+t.By, t.Ticket.ID)
	if heldFor(r.again, t.Ticket.ID) {
		return nil
	}
	return r.s.tickets.HoldIn(r.tx, t.Ticket, tickets.Hold{Mailbox: r.boxes[x.row.MailboxID], From: x.from, Why: why,
		Tell: tell})
}
