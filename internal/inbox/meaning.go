package inbox

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// asideOf is the disposition of mail that no person wrote to us; empty for mail that may open a ticket.
func asideOf(c message.Class) string {
	switch c {
	case message.ClassAutoReply:
		return AutoReply
	case message.ClassBounce:
		return Bounce
	case message.ClassDelayNotice:
		return DelayNotice
	case message.ClassFeedbackReport:
		return FeedbackReport
	case message.ClassReceipt:
		return Receipt
	case message.ClassCalendarReply:
		return CalendarReply
	case message.ClassList:
		return List
	}
	return ""
}

// references is every Message-ID that an email answers, the likeliest parent first: In-Reply-To, then
// References from its end (RFC 5322 section 3.6.4).
func references(e *message.Email) []string {
	refs := append([]string(nil), e.InReplyTo...)
	for i := len(e.References) - 1; i >= 0; i-- {
		refs = append(refs, e.References[i])
	}
	return refs
}

// clueOf is what an email tells about its thread. A number in the subject is none: anybody can guess it.
func clueOf(e *message.Email) tickets.Clue {
	c := tickets.Clue{References: references(e), MessageID: e.MessageID}
	if tok, ok := strings.CutPrefix(e.Token, tickets.ReplyTag); ok {
		c.TokenHash = tickets.ReplyTokenHash(tok)
	}
	return c
}

// The longest subject and name that are kept, in bytes.
const (
	maxSubject = 500
	maxName    = 200
)

func subjectOf(e *message.Email) string {
	subject := bounded(message.CleanLine(e.Subject), maxSubject)
	if subject == "" {
		return "(no subject)"
	}
	return subject
}

// contentOf is the message that an email becomes. The text is never empty.
func contentOf(x *reading) tickets.Content {
	e := x.email
	// What message.Parse gives is valid and free of control characters already.
	c := tickets.Content{Body: e.Reply, FullText: e.Text, HTML: e.HTML,
		RFCMessageID: e.MessageID, EmailID: x.row.ID, Files: x.files, Problems: cleaned(e.Problems), Authenticity: "none"}
	if strings.TrimSpace(c.Body) == "" {
		c.Body = c.FullText
	}
	if strings.TrimSpace(c.Body) == "" {
		c.Body = "(no text)"
	}
	if c.FullText == c.Body {
		c.FullText = ""
	}
	if x.form {
		c.Problems = append(c.Problems, formReason)
	}
	for _, f := range x.outcome.Failed {
		c.Problems = append(c.Problems, bounded(message.CleanLine(f.Rule.String()+" was skipped: "+f.Why), 300))
	}
	if x.past() {
		c.Past = x.written()
	}
	if x.row.Oversize {
		where := "on the mail server"
		if x.past() {
			where = "in the archive that was imported"
		}
		c.Problems = append(c.Problems, "the email is larger than the limit: only its beginning was fetched; the whole is "+where)
	}
	if x.original {
		c.Files = append(slices.Clone(c.Files), tickets.File{Name: "original.eml", Type: "message/rfc822", Size: x.row.Size, Sum: blob.Sum(x.row.SHA256)})
	}
	return c
}

func cleaned(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = bounded(message.CleanText(t), 300)
	}
	return out
}

// inCopy is everybody else whom the sender wrote to, at most 20.
func inCopy(e *message.Email, own map[string]bool, from string) []tickets.Person {
	var people []tickets.Person
	seen := map[string]bool{from: true}
	for _, list := range [][]message.Address{e.To, e.Cc} {
		for _, a := range list {
			norm, ok := message.NormalizeAddress(a.Address)
			if !ok || seen[norm] || len(people) == 20 {
				continue
			}
			seen[norm] = true
			if plain, _ := message.SplitTag(norm); !own[norm] && !own[plain] {
				people = append(people, tickets.Person{Address: a.Address, Norm: norm, Name: bounded(message.CleanText(a.Name), maxName)})
			}
		}
	}
	return people
}

// actorOf is who the record names: the contact, or the email where nobody is known.
func actorOf(x *reading, linked *contacts.Linked) event.Actor {
	a := event.Actor{Kind: "email", ID: emailSubject(x.row.ID), Name: "Email " + strconv.FormatInt(x.row.ID, 10), Realm: event.Staff}
	if linked != nil && linked.Contact.ID != uuid.Nil {
		a.Kind, a.ID, a.Name = "contact", linked.Contact.ID.String(), linked.Contact.Name
	}
	return a
}

func emailSubject(id int64) string { return "inbound_email:" + strconv.FormatInt(id, 10) }

// bounded cuts at a whole character.
func bounded(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
