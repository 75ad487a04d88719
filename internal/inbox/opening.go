package inbox

import (
	"fmt"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/tickets"
)

// openAll opens the tickets of the round: contacts, limits and numbers in a query each.
func (r *round) openAll() error {
	if len(r.opens) == 0 {
		return nil
	}
	r.tx.As(event.System("inbox")) // contacts that are new here are nobody's deed
	linked, err := r.link()
	if err != nil {
		return err
	}
	allowed, err := r.takeLimits(linked)
	if err != nil {
		return err
	}
	bursts, err := r.openBursts(allowed)
	if err != nil {
		return err
	}
	numbers, err := tickets.ReserveNumbers(r.tx, len(r.opens))
	if err != nil {
		return err
	}
	for i, x := range r.opens {
		known := linked[x.from.Norm]
		r.tx.As(actorOf(x, &known))
		may := allowed[i]
		if t := bursts[may.burst]; t != nil {
			c := contentOf(x)
			c.Automatic = may.noted
			r.s.tickets.ReplyIn(r.tx, t, tickets.Reply{From: x.from, Content: c})
			r.settle(x, Flood, "too many emails from this "+may.whose()+"; added to the ticket that takes the rest", t.ID)
			continue
		}
		t, err := r.open(x, known, may, numbers[i])
		if err != nil {
			return err
		}
		if may.burst != "" {
			bursts[may.burst] = t
			r.settle(x, Flood, "too many emails from this "+may.whose()+"; this ticket takes the rest", t.ID)
			continue
		}
		r.settle(x, Opened, openedReason(x), t.ID)
	}
	return nil
}

func (r *round) open(x *reading, known contacts.Linked, may allowance, number int64) (*tickets.Ticket, error) {
	box := r.boxes[x.row.MailboxID]
	o := tickets.Opening{Number: number, Mailbox: box, Channel: tickets.ByEmail, Contact: known, From: x.from,
		Cc: inCopy(x.email, r.own, x.from.Norm), Subject: subjectOf(x.email), Content: contentOf(x),
		Importance: string(x.email.Importance), Burst: may.burst, Note: may.note(), Imported: tickets.Status(x.row.ImportAs), Acknowledge: may.acknowledge && box.Acknowledges, Quiet: r.again != nil}
	if may.burst == "" {
		o.Marks = marksOf(x)
	}
	t, err := r.s.tickets.OpenIn(r.tx, o)
	if err != nil {
		return nil, fmt.Errorf("open a ticket: %w", err)
	}
	if refs := references(x.email); len(refs) > 0 {
		tickets.AwaitParent(r.tx, t, refs[0])
	}
	return t, nil
}

func openedReason(x *reading) string {
	if x.past() {
		return "a request of the past, imported"
	}
	return "a new request"
}

func (r *round) link() (map[string]contacts.Linked, error) {
	var senders []contacts.Sender
	for _, x := range r.opens {
		if x.from.Norm != "" {
			senders = append(senders, contacts.Sender{Norm: x.from.Norm, Address: x.from.Address, Name: bounded(x.from.Name, maxName), Past: x.past()})
		}
	}
	return contacts.Link(r.tx, senders)
}
