package inbox

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/limit"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// allowance is what the limits leave to one email.
type allowance struct {
	burst       string // the limit that it is beyond: it does not get a ticket of its own; empty: it does
	noted       bool   // it moves not even the ticket that takes the rest
	acknowledge bool
}

// whose limit it is beyond.
func (a allowance) whose() string {
	if strings.HasPrefix(a.burst, domainPrefix) {
		return "domain"
	}
	return "sender"
}

// note tells staff what a ticket of many senders is: it looks like one person's.
func (a allowance) note() string {
	domain, ok := strings.CutPrefix(a.burst, domainPrefix)
	switch {
	case !ok:
		return ""
	case domain == "":
		return "This ticket takes the rest of what came without a usable sender address, beyond the limit."
	}
	return "This ticket takes the rest of what came from addresses at " + domain + ", beyond the limit of the domain. " +
		"Each message names who wrote it; an answer goes to the requester of this ticket alone."
}

// takeLimits counts the openings of the round against the limits. Only a person's email is acknowledged:
// automatic mail is never answered (RFC 3834 section 2).
func (r *round) takeLimits(linked map[string]contacts.Linked) ([]allowance, error) {
	senders, domains, acks := map[string]int{}, map[string]int{}, map[string]int{}
	for _, x := range r.opens {
		if x.past() {
			continue // it moves nobody, and leaves today's emails their places
		}
		senders[senderKey(x)]++
		if key := domainKey(x); key != "" {
			domains[key]++
		}
		if acknowledgeable(x) {
			acks[limit.Acknowledgements(x.from.Norm)]++
		}
	}
	out := make([]allowance, len(r.opens))
	if len(senders) == 0 {
		return out, nil
	}
	opened, err := limit.Take(r.tx, r.s.rules.TicketWindow, senders)
	if err != nil {
		return nil, err
	}
	ofDomain, err := r.overDomain(domains, linked)
	if err != nil {
		return nil, err
	}
	acknowledged := map[string]int{}
	if len(acks) > 0 {
		if acknowledged, err = limit.Take(r.tx, r.s.rules.AckWindow, acks); err != nil {
			return nil, err
		}
	}
	for i, x := range r.opens {
		if x.past() {
			continue
		}
		sender, ack := senderKey(x), limit.Acknowledgements(x.from.Norm)
		beyond := opened[sender] - r.s.rules.TicketsPerSender
		if inDomain, over := ofDomain[x]; beyond >= 0 {
			out[i].burst = sender
		} else if over {
			out[i].burst, beyond = domainKey(x), inDomain
		}
		out[i].noted = beyond >= repliesPerSender
		opened[sender]++
		if acknowledgeable(x) {
			out[i].acknowledge = out[i].burst == "" && acknowledged[ack] < r.s.rules.AcksPerWindow
			acknowledged[ack]++
		}
	}
	return out, nil
}

// overDomain finds the emails that are too many for their domain, and how many came before beyond the limit. People whom we know keep their tickets:
// whoever sends forged emails in the name of their domain must not shut them out.
func (r *round) overDomain(domains map[string]int, linked map[string]contacts.Linked) (map[*reading]int, error) {
	over := map[*reading]int{}
	if len(domains) == 0 {
		return over, nil
	}
	opened, err := limit.Take(r.tx, r.s.rules.DomainWindow, domains)
	if err != nil {
		return nil, err
	}
	var asked []uuid.UUID
	for _, x := range r.opens {
		key := domainKey(x)
		if key == "" || x.past() {
			continue
		}
		if contact := linked[x.from.Norm].Contact; opened[key] >= r.s.rules.TicketsPerDomain && !contact.ClientID.Valid {
			over[x] = opened[key] - r.s.rules.TicketsPerDomain
			asked = append(asked, contact.ID)
		}
		opened[key]++
	}
	if len(over) == 0 {
		return over, nil
	}
	answered, err := tickets.Answered(r.tx, asked)
	if err != nil {
		return nil, err
	}
	for x := range over {
		if answered[linked[x.from.Norm].Contact.ID] {
			delete(over, x)
		}
	}
	return over, nil
}

// Beyond repliesPerSender in replyWindow what one address sends to one ticket is noted there: nothing is lost, and
// nothing moves, so that two machines that answer each other for ever reach neither staff nor subscribers.
const (
	repliesPerSender = 100
	replyWindow      = 10 * time.Minute
)

// takeReplies counts the replies of the round and finds those that are too many. threads is aligned with the
// readings.
func (r *round) takeReplies(readings []*reading, threads []*tickets.Thread) error {
	keys, takes := make([]string, len(readings)), map[string]int{}
	for i, x := range readings {
		if t := threads[i]; takesPart(x, t) && asideNow(x, t) == "" && !x.past() {
			keys[i] = "reply:" + hashed(t.Ticket.ID.String()+" "+x.from.Norm)
			takes[keys[i]]++
		}
	}
	if len(takes) == 0 || r.again != nil {
		return nil
	}
	before, err := limit.Take(r.tx, replyWindow, takes)
	if err != nil {
		return err
	}
	r.tooMany = map[*reading]bool{}
	for i, x := range readings {
		if keys[i] != "" {
			r.tooMany[x] = before[keys[i]] >= repliesPerSender
			before[keys[i]]++
		}
	}
	return nil
}

// senderKey counts those without an address by what they wrote instead: they are not one person.
func senderKey(x *reading) string {
	if x.from.Norm == "" {
		return "ticket:" + hashed("nobody "+x.from.Name)
	}
	return "ticket:" + hashed(x.from.Norm)
}

const domainPrefix = "domain:"

// domainKey is empty where the domain says nothing about its senders. Those without an address share one.
func domainKey(x *reading) string {
	domain := mailboxes.DomainOf(x.from.Norm)
	if limit.Freemail(domain) {
		return ""
	}
	return domainPrefix + domain
}

func acknowledgeable(x *reading) bool {
	return x.email.Class == message.ClassHuman && !x.email.NullReturnPath && !x.email.SuppressReply && x.from.Norm != "" && !x.unread && !x.outcome.NoAcknowledgement
}

// openBursts finds the tickets that take the rest of floods going on.
func (r *round) openBursts(allowed []allowance) (map[string]*tickets.Ticket, error) {
	var limits []string
	for _, may := range allowed {
		if may.burst != "" {
			limits = append(limits, may.burst)
		}
	}
	if len(limits) == 0 {
		return map[string]*tickets.Ticket{}, nil
	}
	return tickets.Bursts(r.tx, limits)
}

// hashed keeps addresses out of the counters' keys.
func hashed(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:12])
}
