package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/outbox"
)

// outboundEmails is the letters that the desk owes.
type outboundEmails struct{ outbox *outbox.Outbox }

// Letter is one email that the desk owes to somebody. Its text is in the thread; its links are shown
// nowhere.
type Letter struct {
	ID            uuid.UUID  `json:"id" format:"uuid"`
	Kind          string     `json:"kind" enum:"acknowledgement,notice,held_notice,answer,outage,trial"`
	State         string     `json:"state" enum:"queued,sending,sent,failed,unknown" doc:"unknown: handed over, and no answer came"`
	MailboxID     uuid.UUID  `json:"mailbox_id" format:"uuid"`
	TicketID      *uuid.UUID `json:"ticket_id" format:"uuid"`
	MessageID     *uuid.UUID `json:"message_id" format:"uuid" doc:"The message of the thread that it carries"`
	Recipients    []string   `json:"recipients" nullable:"false"`
	Subject       string     `json:"subject"`
	Attempts      int        `json:"attempts"`
	LastCode      *int       `json:"last_code" doc:"The server's last SMTP code"`
	LastError     *string    `json:"last_error"`
	NextAttemptAt time.Time  `json:"next_attempt_at"`
	GiveUpAt      time.Time  `json:"give_up_at"`
	SentAt        *time.Time `json:"sent_at"`
	CreatedAt     time.Time  `json:"created_at"`
}

func showLetter(l outbox.Letter) Letter {
	return Letter{ID: l.ID, Kind: l.Kind, State: string(l.State), MailboxID: l.MailboxID, TicketID: idOrNull(l.TicketID),
		MessageID: idOrNull(l.MessageRef), Recipients: l.Recipients, Subject: l.Subject, Attempts: l.Attempts, LastCode: l.LastCode,
		LastError: l.LastError, NextAttemptAt: l.NextAttemptAt, GiveUpAt: l.GiveUpAt, SentAt: l.SentAt, CreatedAt: l.CreatedAt}
}

type letterListInput struct {
	State  string    `query:"state" enum:"queued,sending,sent,failed,unknown"`
	Ticket uuid.UUID `query:"ticket" format:"uuid"`
	Paging
}

func (s outboundEmails) list(ctx context.Context, in *letterListInput) (*listOf[Letter], error) {
	const list = "outbound emails"
	after, err := afterID(list, in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := s.outbox.List(ctx, actorOf(ctx), outbox.Filter{State: outbox.State(in.State), TicketID: in.Ticket}, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return paged(found, in.Limit, func(l outbox.Letter) string { return newCursor(list, l.ID.String()) }, showLetter), nil
}

func (s outboundEmails) resend(ctx context.Context, in *byID) (*one[Letter], error) {
	l, err := s.outbox.Resend(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &one[Letter]{Body: showLetter(l)}, nil
}
