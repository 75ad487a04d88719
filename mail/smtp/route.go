package smtp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/postern-desk/postern/mail/letter"
)

var (
	errNoRecipient = errors.New("no recipient")
	errNoUTF8      = errors.New("the server does not take addresses outside ASCII (SMTPUTF8)")
)

// route is an envelope as the commands spell it, with the recipients that no
// server needs to be asked about already taken out.
type route struct {
	from     string
	to       []string
	asGiven  []string // the caller's spelling of to
	wide     bool     // needs SMTPUTF8
	rejected []RecipientResult
}

// newRoute spells the addresses. What no server could take is Permanent.
func newRoute(e Envelope) (*route, *Failure) {
	if len(e.To) == 0 {
		return nil, failed(StageRcpt, errNoRecipient)
	}
	r := &route{}
	if e.From != "" {
		from, err := letter.WireAddress(e.From)
		if err != nil {
			return nil, failed(StageMail, fmt.Errorf("sender: %w", err))
		}
		r.from, r.wide = from, wide(from)
	}
	for _, given := range e.To {
		to, err := letter.WireAddress(given)
		if err != nil {
			r.refuse(given, "5.1.3", "this cannot be an address")
			continue
		}
		r.to, r.asGiven = append(r.to, to), append(r.asGiven, given)
		r.wide = r.wide || wide(to)
	}
	return r, nil
}

// refuse records our own refusal of a recipient.
func (r *route) refuse(address, enhanced, text string) {
	r.rejected = append(r.rejected, RecipientResult{
		Address: address, Outcome: Permanent, Enhanced: enhanced, Text: text,
	})
}

func wide(address string) bool {
	for i := range len(address) {
		if address[i] >= 0x80 {
			return true
		}
	}
	return false
}

// narrow adapts the route to a server without SMTPUTF8 (RFC 6531 section 3.2):
// the addresses that need it cannot be reached through this server.
func (r *route) narrow() *route {
	n := &route{from: r.from, rejected: slices.Clone(r.rejected)}
	for i, address := range r.to {
		if wide(address) {
			n.refuse(r.asGiven[i], "5.6.7", errNoUTF8.Error())
			continue
		}
		n.to, n.asGiven = append(n.to, address), append(n.asGiven, r.asGiven[i])
	}
	return n
}
