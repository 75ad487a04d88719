// Package outage notes which mail servers of the desk's mailboxes do not work, and tells people of it: once when
// it has lasted, and once more when it is over.
package outage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
	"github.com/postern-desk/postern/webhooks"
)

// People are told of an outage after so many failures in a row over so long: restarts, and a network that
// blinks, are nobody's business.
const (
	enough = 3
	lasted = 5 * time.Minute
)

// Desk is what the letters say of the desk, and who gets them.
type Desk struct {
	wording.Desk
	Operator string // address; empty: the staff addresses of the mailbox
}

// Trouble is why a server could not be used. Detail is the error in the server's words or ours, without a
// secret.
type Trouble struct {
	Reason Reason
	Detail string
}

// Service keeps the outages.
type Service struct {
	db     *db.DB
	outbox *outbox.Outbox
	desk   Desk
}

// New makes the service.
func New(d *db.DB, o *outbox.Outbox, desk Desk) *Service {
	return &Service{db: d, outbox: o, desk: desk}
}

// Failed counts a failure of one side of a mailbox.
func (s *Service) Failed(ctx context.Context, m mailboxes.Mailbox, side string, t Trouble) error {
	var due bool
	err := s.db.Bookkeep(ctx, "outage", func(tx *db.Tx) error {
		// A server's words may be any bytes; PostgreSQL takes neither NUL nor broken UTF-8.
		detail := strings.ReplaceAll(strings.ToValidUTF8(t.Detail, "\uFFFD"), "\x00", "")
		return tx.QueryRow(sqlFailed, m.ID, side, string(t.Reason), detail, enough, lasted).Scan(&due)
	})
	if err != nil || !due {
		return err
	}
	return s.db.Change(ctx, event.System("outage"), func(tx *db.Tx) error {
		o, ok, err := db.One[mailboxes.Outage](tx, sqlTold, m.ID, side)
		if err != nil {
			return err
		}
		if !ok {
			return db.NoChange // somebody else has told it, or it works again
		}
		if err := s.write(tx, m, o); err != nil {
			return err
		}
		return record(tx, m, o, event.MailboxFailing)
	})
}

// Worked ends the outage of a side, if there is one. Callers ask only where the mailbox has one: it costs two
// transactions.
func (s *Service) Worked(ctx context.Context, m mailboxes.Mailbox, side string) error {
	err := s.db.Bookkeep(ctx, "outage", func(tx *db.Tx) error {
		tx.Queue(sqlForget, m.ID, side)
		return nil
	})
	if err != nil {
		return err
	}
	return s.db.Change(ctx, event.System("outage"), func(tx *db.Tx) error {
		o, ok, err := db.One[mailboxes.Outage](tx, sqlEnd, m.ID, side)
		if err != nil {
			return err
		}
		if !ok {
			return db.NoChange // nobody was told of it
		}
		return record(tx, m, o, event.MailboxRecovered)
	})
}

func record(tx *db.Tx, m mailboxes.Mailbox, o mailboxes.Outage, kind event.Kind) error {
	summary, remedy := Reason(o.Reason).Words(words.English)
	data := webhooks.MailboxOutage{ID: m.ID.String(), Email: m.Address, Side: o.Side, Since: o.Since.UTC(), Reason: o.Reason,
		Summary: summary, Remedy: remedy}
	detail := map[string]any{"side": o.Side, "reason": o.Reason, "since": o.Since.UTC()}
	if kind == event.MailboxRecovered {
		ended := tx.Now().UTC()
		data.EndedAt, data.DurationS = &ended, int64(ended.Sub(o.Since)/time.Second)
		detail["duration_s"] = data.DurationS
	}
	if err := tx.QueryRow(sqlTelling, m.ID).Scan(&data.Sequence); err != nil {
		return err
	}
	tx.Record(event.Event{Kind: kind, SubjectID: data.ID, Sequence: data.Sequence, Label: m.Address, Detail: detail, Data: data})
	return nil
}

// write owes the operator a letter.
func (s *Service) write(tx *db.Tx, m mailboxes.Mailbox, o mailboxes.Outage) error {
	to := m.StaffAddresses
	if s.desk.Operator != "" {
		to = []string{s.desk.Operator}
	}
	boxes, err := mailboxes.All(tx)
	if err != nil {
		return err
	}
	server := m.IMAP
	if o.Side == mailboxes.SMTP {
		server = m.SMTP
	}
	from := sender(boxes, m)
	look, err := s.desk.Look(tx, outbox.Outage, &from, wording.Reader{})
	if err != nil {
		return err
	}
	summary, remedy := Reason(o.Reason).Words(look.Language)
	written, err := letter.RenderOutage(letter.Outage{Look: look, Desk: s.desk.FromName(&from), Mailbox: m.Address, Sends: o.Side == mailboxes.SMTP,
		Server: fmt.Sprintf("%s:%d", server.Host, server.Port), Since: o.Since, Summary: summary, Remedy: remedy, Detail: o.Detail})
	if err != nil {
		return err
	}
	wording.Note(tx.Context(), outbox.Outage, written)
	for _, address := range to {
		_, err := s.outbox.Queue(tx, outbox.Draft{Kind: outbox.Outage, Mailbox: from, Recipient: address,
			To: []letter.Address{{Address: address}}, FromName: s.desk.FromName(&from), Words: written})
		if err != nil && !errors.Is(err, outbox.ErrUnusable) {
			return err
		}
	}
	return nil
}

// sender is the oldest other mailbox that works: the trouble of one server is often that of the account. Without
// one the letter leaves through the mailbox itself, at once where only reading fails, else when it works again.
func sender(boxes []mailboxes.Mailbox, failing mailboxes.Mailbox) mailboxes.Mailbox {
	for _, m := range boxes {
		if m.ID != failing.ID && !m.Paused && len(m.Outages) == 0 {
			return m
		}
	}
	return failing
}
