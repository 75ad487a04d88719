package inbox

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// roundTime is how long the rules may take over a whole round, whose rows are locked meanwhile. Beyond it each
// email is routed alone, so that one that was made to be slow takes no time of the others'.
const roundTime = 3 * time.Second

// ruledAside begins the reasons of emails that a rule set aside.
const ruledAside = "set aside by "

var errSlowRules = errors.New("the rules took too long over these emails together")

// knowSenders finds who the rules may ask about, in one go, where they do.
func (r *round) knowSenders(of []*reading) error {
	if r.book.Empty() || !r.book.Asks("contact") && !r.book.Asks("client") {
		return nil
	}
	var norms []string
	for _, x := range of {
		if x.from.Norm != "" {
			norms = append(norms, x.from.Norm)
		}
	}
	known, err := contacts.KnownAs(r.tx, norms)
	r.senders = known
	return err
}

// consult asks the rules about an email that is to open a ticket, or to continue one. Where they set it aside it
// says why. Emails of the past, those that could not be read and those beyond a limit are none of theirs.
func (r *round) consult(x *reading, reply bool) (aside string, err error) {
	x.outcome = rules.Outcome{}
	if r.book.Empty() || x.past() || x.unread || reply && r.tooMany[x] {
		return "", nil
	}
	began := time.Now()
	x.outcome = r.book.Decide(r.factsOf(x, reply))
	if r.asked += time.Since(began); r.asked > roundTime && len(r.readings) > 1 {
		return "", errSlowRules
	}
	if x.outcome.SetAside {
		return ruledAside + x.outcome.SetAsideBy.String(), nil
	}
	return "", nil
}

func (r *round) factsOf(x *reading, reply bool) *rules.Facts {
	f := factsOf(x, r.book.Asks("headers"))
	f.IsReply, f.IsNew = reply, !reply
	f.Arrived(x.row.Arrived, r.s.rules.Zone)
	if box := r.boxes[x.row.MailboxID]; box != nil {
		f.Mailbox = box.AddressNorm
	}
	if who, ok := r.senders[x.from.Norm]; ok {
		about(f, who)
	}
	return f
}

// factsOf is what the email itself tells.
func factsOf(x *reading, headers bool) *rules.Facts {
	e := x.email
	f := &rules.Facts{From: x.from.Norm, FromName: x.from.Name, FromDomain: mailboxes.DomainOf(x.from.Norm), To: normsOf(e.To), Cc: normsOf(e.Cc),
		Subject: message.CleanLine(e.Subject), Text: e.Reply, Size: int(x.row.Size), Importance: string(e.Importance),
		Class: string(e.Class), Authenticity: "none"}
	if strings.TrimSpace(f.Text) == "" {
		f.Text = e.Text
	}
	for _, a := range e.Attachments {
		f.Attachments = append(f.Attachments, rules.Attachment{Name: a.Name, Type: a.Type, Size: int(a.Size)})
	}
	if headers {
		f.Headers = e.Headers(maxHeaders, rules.MaxLine)
	}
	return f
}

// maxHeaders is how many fields the rules see.
const maxHeaders = 100

func normsOf(of []message.Address) []string {
	var out []string
	for _, a := range of {
		if norm, ok := message.NormalizeAddress(a.Address); ok && len(out) < rules.MaxElements {
			out = append(out, norm)
		}
	}
	return out
}

func about(f *rules.Facts, who contacts.Known) {
	f.Contact = rules.Contact{Known: true, Name: who.Contact.Name, Tags: who.Contact.Tags}
	if who.Contact.ID == uuid.Nil {
		f.Contact = rules.Contact{}
	}
	if who.Contact.ClientID.Valid {
		f.Client = rules.Client{Known: true, ID: who.Contact.ClientID.UUID.String(), Name: who.ClientName, Ref: who.ClientRef}
	}
}

// marksOf is what the rules want of the email's ticket.
func marksOf(x *reading) tickets.Marks {
	o := x.outcome
	m := tickets.Marks{Tags: o.Tags, Custom: o.Custom}
	if o.Priority != "" {
		m.Priority, _ = tickets.ParsePriority(o.Priority) // checked when the rule was saved
		m.Why = "set by " + o.PriorityBy.String()
	}
	for _, rule := range o.Matched {
		m.By = append(m.By, rule.String())
	}
	return m
}

// countFailures tells the rules' admins which of them failed on the emails of the round.
func (r *round) countFailures() {
	var failed []rules.Failure
	for _, v := range r.verdicts {
		failed = append(failed, v.r.outcome.Failed...)
	}
	rules.CountFailures(r.tx, failed)
}
