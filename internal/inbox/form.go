package inbox

import (
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// formReason stands with the message: its sender is a claim that nothing supports.
const formReason = "a form wrote as the desk; the sender is who its Reply-To names"

// takeForm takes a website's form that writes as the desk, with the customer in Reply-To, for an email of that
// customer. What it claims proves nothing: it opens a ticket as a stranger's email would, and never joins one.
// Letters of our own that come back stay a loop: their Reply-To is ours, or they are marked as automatic
// (RFC 3834), or their Message-ID is known.
func (r *round) takeForm(x *reading) {
	if !r.isOwn(x.from.Norm) || r.ours[x.email.MessageID] || x.email.Class != message.ClassHuman || len(x.email.ReplyTo) != 1 {
		return
	}
	named := x.email.ReplyTo[0]
	norm, ok := message.NormalizeAddress(named.Address)
	if !ok || r.isOwn(norm) {
		return
	}
	x.form = true
	x.from = tickets.Person{Address: named.Address, Norm: norm, Name: bounded(message.CleanText(named.Name), maxName)}
}

// isOwn reports whether an address, with or without a tag, is one of the desk's mailboxes.
func (r *round) isOwn(norm string) bool {
	plain, _ := message.SplitTag(norm)
	return r.own[norm] || r.own[plain]
}

// takesPart reports whether the sender takes part in the ticket.
func takesPart(x *reading, t *tickets.Thread) bool {
	return t != nil && !x.form && t.Has(x.from.Norm)
}
