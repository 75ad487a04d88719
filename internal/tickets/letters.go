package tickets

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/token"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/mail/letter"
)

// ReplyTag begins the tag of a ticket's reply address.
const ReplyTag = "t-"

// replyPurpose separates the hashes of reply tokens from all others.
const replyPurpose = "reply"

// ReplyTokenHash is what a reply address's token is stored as.
func ReplyTokenHash(tok string) []byte { return token.Hash(replyPurpose, tok) }

// lettersOfOpening owes the requester an acknowledgement and the mailbox's staff a notice.
func (s *Service) lettersOfOpening(tx *db.Tx, t *Ticket, m *Message, o Opening) error {
	if o.Acknowledge && o.From.Norm != "" && !isStaff(o.Mailbox, o.From.Norm) {
		if err := s.acknowledge(tx, t, m, o); err != nil {
			return err
		}
	}
	if len(o.Mailbox.StaffAddresses) == 0 || o.Quiet {
		return nil
	}
	look, err := s.desk.Look(tx, "notice", o.Mailbox, staff)
	if err != nil {
		return err
	}
	words, err := letter.RenderNotice(letter.Notice{Look: look, Desk: s.desk.FromName(o.Mailbox), TicketNumber: number(t), Subject: t.Subject,
		From: letter.Address{Name: t.RequesterName, Address: o.From.Address}, Verified: t.Authenticity == "pass",
		Priority: t.Priority.String(), PriorityReasons: t.PriorityReasons, Excerpt: m.Body})
	if err != nil {
		return err
	}
	wording.Note(tx.Context(), "notice", words)
	return s.tellStaff(tx, t, o.Mailbox, outbox.Notice, words)
}

func (s *Service) acknowledge(tx *db.Tx, t *Ticket, m *Message, o Opening) error {
	look, err := s.desk.Look(tx, "acknowledgement", o.Mailbox, readerOf(o.Contact.Contact))
	if err != nil {
		return err
	}
	words, err := letter.RenderAcknowledgement(letter.Acknowledgement{Look: look, Desk: s.desk.FromName(o.Mailbox), TicketNumber: number(t),
		Subject: harmless(t.Subject, look.T("letter.your_request")), ContactName: harmless(t.RequesterName, ""),
		Back: s.desk.Back(o.Mailbox, tx.Now())})
	if err != nil {
		return err
	}
	wording.Note(tx.Context(), "acknowledgement", words)
	d := s.draft(t, o.Mailbox, outbox.Acknowledgement, words)
	d.MessageRef = m.ID
	d.Recipient, d.To = o.From.Address, []letter.Address{{Name: o.From.Name, Address: o.From.Address}}
	d.ReplyTag = newReplyTag(tx, t, o.From.Norm)
	if m.RFCMessageID != "" {
		d.InReplyTo, d.References = m.RFCMessageID, []string{m.RFCMessageID}
	}
	return s.owe(tx, d)
}

// isStaff reports whether the mailbox's staff are told at this address: an autoresponder there must not make a
// ticket of every notice and a notice of every ticket.
func isStaff(m *mailboxes.Mailbox, norm string) bool {
	return slices.ContainsFunc(m.StaffAddresses, func(a string) bool { return strings.EqualFold(a, norm) })
}

// link-like text in what an unproved sender wrote, and more than a name or subject needs.
var linkLike = regexp.MustCompile(`(?i)://|www\.|[a-z0-9-]\.[a-z]{2,}/`)

// harmless keeps an acknowledgement from carrying a stranger's links to whoever they typed into From.
func harmless(s, otherwise string) string {
	if len(s) > 200 || linkLike.MatchString(s) {
		return otherwise
	}
	return s
}

// owe queues an automatic letter. One that cannot be written is no reason to refuse the client's email:
// it is left out.
func (s *Service) owe(tx *db.Tx, d outbox.Draft) error {
	if _, err := s.outbox.Queue(tx, d); err != nil && !errors.Is(err, outbox.ErrUnusable) {
		return err
	}
	return nil
}

// tellStaff owes every staff address of the mailbox a letter.
func (s *Service) tellStaff(tx *db.Tx, t *Ticket, m *mailboxes.Mailbox, kind string, words letter.Rendered) error {
	for _, address := range m.StaffAddresses {
		if strings.EqualFold(address, t.RequesterAddress) {
			continue // who wrote it knows
		}
		d := s.draft(t, m, kind, words)
		d.Recipient, d.To = address, []letter.Address{{Address: address}}
		if err := s.owe(tx, d); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) draft(t *Ticket, m *mailboxes.Mailbox, kind string, words letter.Rendered) outbox.Draft {
	return outbox.Draft{Kind: kind, Mailbox: *m, ClientID: t.ClientID.UUID, TicketID: t.ID, FromName: s.desk.FromName(m), Words: words}
}

// newReplyTag draws a token for one letter and keeps its hash.
func newReplyTag(tx *db.Tx, t *Ticket, address string) string {
	tok := token.ForAddress()
	tx.Insert(intoReplyTokens, ReplyTokenHash(tok), t.ID, address)
	return ReplyTag + tok
}

func number(t *Ticket) string { return strconv.FormatInt(t.Number, 10) }
