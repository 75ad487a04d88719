package outbox

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/token"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/letter"
)

// ErrUnusable says that the letter cannot be written, as to an address that no mail server would take.
var ErrUnusable = errors.New("the letter cannot be written")

// BounceTag begins the tag of a letter's envelope sender; what comes to it is about that letter.
const BounceTag = "b-"

// The purposes of hashes and seals.
const (
	bouncePurpose = "bounce"
	bytesPurpose  = "letter bytes"
)

// Queue renders the letter, stores its bytes and queues its sending, all in the caller's transaction.
// The stored bytes are what every attempt sends.
func (o *Outbox) Queue(tx *db.Tx, d Draft) (Letter, error) {
	id := db.NewID()
	bounce := token.ForAddress()
	l := Letter{ID: id, Kind: d.Kind, MailboxID: d.Mailbox.ID, ClientID: orNone(d.ClientID), TicketID: orNone(d.TicketID),
		MessageRef: orNone(d.MessageRef), Recipients: []string{d.Recipient},
		Subject: d.Words.Subject, State: Queued, RFCMessageID: letter.NewMessageID([16]byte(uuid.New()), mailboxes.DomainOf(d.Mailbox.Address)),
		NextAttemptAt: tx.Now(), GiveUpAt: tx.Now().Add(o.patience), CreatedAt: tx.Now()}
	from := d.Mailbox.Address
	if d.Mailbox.SubAddressing {
		from = d.Mailbox.WithTag(BounceTag + bounce)
	}
	raw, err := compose(d, l)
	if err != nil {
		return Letter{}, fmt.Errorf("compose the %s: %w: %w", d.Kind, ErrUnusable, err)
	}
	tx.Insert(intoLetters, l.ID, l.Kind, l.MailboxID, l.ClientID, l.TicketID, l.MessageRef,
		l.Recipients, l.Subject, l.RFCMessageID, token.Hash(bouncePurpose, bounce), l.GiveUpAt)
	tx.Insert(intoBytes, l.ID, o.seal(from, raw))
	tx.Enqueue(jobs.SendLetter{LetterID: l.ID.String()})
	return l, nil
}

// seal puts the envelope sender before the bytes: both hold tokens.
func (o *Outbox) seal(from string, raw []byte) []byte {
	return o.vault.Seal(bytesPurpose, blob.Pack(append([]byte(from+"\n"), raw...)))
}

func orNone(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

func compose(d Draft, l Letter) ([]byte, error) {
	out := letter.Letter{
		From: letter.Address{Name: d.FromName, Address: d.Mailbox.Address}, To: d.To, Cc: d.Cc,
		Subject: d.Words.Subject, MessageID: l.RFCMessageID, InReplyTo: d.InReplyTo, References: d.References,
		Date: l.CreatedAt, Auto: d.Words.Auto, Text: d.Words.Text, HTML: d.Words.HTML, Attachments: d.Attachments,
	}
	if d.ReplyTag != "" && d.Mailbox.SubAddressing {
		out.ReplyTo = d.Mailbox.WithTag(d.ReplyTag)
	}
	var raw bytes.Buffer
	if err := letter.Compose(&raw, out); err != nil {
		return nil, err
	}
	return raw.Bytes(), nil
}
