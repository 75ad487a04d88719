package inbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/limit"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
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
	allowed, err := r.takeLimits()
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
		if t := bursts[x.from.Norm]; may.burst && t != nil {
			r.s.tickets.ReplyIn(r.tx, t, tickets.Reply{From: x.from, Content: contentOf(x)})
			r.settle(x, Flood, "too many emails from this sender; added to the ticket that takes the rest", t.ID)
			continue
		}
		t, err := r.open(x, known, may, numbers[i])
		if err != nil {
			return err
		}
		if may.burst {
			bursts[x.from.Norm] = t
			r.settle(x, Flood, "too many emails from this sender; this ticket takes the rest", t.ID)
			continue
		}
		r.settle(x, Opened, "a new request", t.ID)
	}
	return nil
}

func (r *round) open(x *reading, known contacts.Linked, may allowance, number int64) (*tickets.Ticket, error) {
	box := r.boxes[x.row.MailboxID]
	o := tickets.Opening{Number: number, Mailbox: box, Channel: tickets.ByEmail, Contact: known, From: x.from,
		Cc: inCopy(x.email, r.own, x.from.Norm), Subject: subjectOf(x.email), Content: contentOf(x),
		Importance: string(x.email.Importance), Burst: may.burst, Acknowledge: may.acknowledge && box.Acknowledges}
	t, err := r.s.tickets.OpenIn(r.tx, o)
	if err != nil {
		return nil, fmt.Errorf("open a ticket: %w", err)
	}
	if refs := references(x.email); len(refs) > 0 {
		tickets.AwaitParent(r.tx, t, refs[0])
	}
	return t, nil
}

func (r *round) link() (map[string]contacts.Linked, error) {
	var senders []contacts.Sender
	for _, x := range r.opens {
		if x.from.Norm != "" {
			senders = append(senders, contacts.Sender{Norm: x.from.Norm, Address: x.from.Address, Name: bounded(x.from.Name, maxName)})
		}
	}
	return contacts.Link(r.tx, senders)
}

// allowance is what the limits leave to one email.
type allowance struct {
	burst       bool // it does not get a ticket of its own
	acknowledge bool
}

// takeLimits counts the openings of the round against the limits. Only a person's email is acknowledged:
// automatic mail is never answered (RFC 3834 section 2).
func (r *round) takeLimits() ([]allowance, error) {
	senders, domains, acks := map[string]int{}, map[string]int{}, map[string]int{}
	for _, x := range r.opens {
		senders["ticket:"+hashed(x.from.Norm)]++
		domains["domain:"+mailboxes.DomainOf(x.from.Norm)]++
		if acknowledgeable(x) {
			acks[limit.Acknowledgements(x.from.Norm)]++
		}
	}
	opened, err := limit.Take(r.tx, r.s.rules.TicketWindow, senders)
	if err != nil {
		return nil, err
	}
	openedOf, err := limit.Take(r.tx, r.s.rules.DomainWindow, domains)
	if err != nil {
		return nil, err
	}
	acknowledged := map[string]int{}
	if len(acks) > 0 {
		if acknowledged, err = limit.Take(r.tx, r.s.rules.AckWindow, acks); err != nil {
			return nil, err
		}
	}
	out := make([]allowance, len(r.opens))
	for i, x := range r.opens {
		sender, domain, ack := "ticket:"+hashed(x.from.Norm), "domain:"+mailboxes.DomainOf(x.from.Norm), limit.Acknowledgements(x.from.Norm)
		out[i].burst = opened[sender] >= r.s.rules.TicketsPerSender || openedOf[domain] >= r.s.rules.TicketsPerDomain
		opened[sender]++
		openedOf[domain]++
		if acknowledgeable(x) {
			out[i].acknowledge = !out[i].burst && acknowledged[ack] < r.s.rules.AcksPerWindow
			acknowledged[ack]++
		}
	}
	return out, nil
}

func acknowledgeable(x *reading) bool {
	return x.email.Class == message.ClassHuman && !x.email.NullReturnPath && !x.email.SuppressReply && x.from.Norm != "" && !x.unread
}

// openBursts finds the tickets that take the rest of floods going on.
func (r *round) openBursts(allowed []allowance) (map[string]*tickets.Ticket, error) {
	var senders []string
	for i, x := range r.opens {
		if allowed[i].burst {
			senders = append(senders, x.from.Norm)
		}
	}
	if len(senders) == 0 {
		return map[string]*tickets.Ticket{}, nil
	}
	return tickets.Bursts(r.tx, senders)
}

// hashed keeps addresses out of the counters' keys.
func hashed(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:12])
}
