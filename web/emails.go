package web

import (
	"context"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/inbox"
)

// inboundEmails is the ledger of what mailboxes held.
type inboundEmails struct{ inbox *inbox.Service }

// InboundEmail is one email that a mailbox held, and what became of it.
type InboundEmail struct {
	ID           int64      `json:"id"`
	Mailbox      uuid.UUID  `json:"mailbox" format:"uuid" doc:"Id of the mailbox"`
	Disposition  *string    `json:"disposition" doc:"What became of it; null until it is routed"`
	Reason       *string    `json:"reason" doc:"Why, in words"`
	TicketID     *uuid.UUID `json:"ticket_id" format:"uuid"`
	Class        *string    `json:"class" doc:"What kind of email it is"`
	From         *string    `json:"from"`
	Subject      *string    `json:"subject"`
	Size         int64      `json:"size" doc:"In bytes"`
	MessageID    string     `json:"message_id"`
	UIDValidity  int64      `json:"uidvalidity"`
	UID          int64      `json:"uid"`
	InternalDate time.Time  `json:"internal_date" doc:"When the server received it"`
	AcceptedAt   time.Time  `json:"accepted_at"`
	ProcessedAt  *time.Time `json:"processed_at"`
	Attempts     int        `json:"attempts"`
	LastError    *string    `json:"last_error"`
}

func showInboundEmail(e inbox.Email) InboundEmail {
	return InboundEmail{ID: e.ID, Mailbox: e.MailboxID, Disposition: e.Disposition, Reason: e.Reason, TicketID: idOrNull(e.TicketID),
		Class: e.Class, From: e.FromAddress, Subject: e.Subject, Size: e.Size, MessageID: e.MessageID, UIDValidity: e.UIDValidity,
		UID: e.UID, InternalDate: e.InternalDate, AcceptedAt: e.AcceptedAt, ProcessedAt: e.ProcessedAt, Attempts: e.Attempts,
		LastError: e.LastError}
}

type inboundListInput struct {
	Disposition string    `query:"disposition" enum:"opened,replied,held,decided,asked_again,command,auto_reply,bounce,delay_notice,feedback_report,receipt,calendar_reply,list,duplicate,own_loop,spam,before_start,oversize,flood,quarantined"`
	Mailbox     uuid.UUID `query:"mailbox" format:"uuid"`
	Ticket      uuid.UUID `query:"ticket" format:"uuid"`
	From        time.Time `query:"from" doc:"Accepted then or later"`
	To          time.Time `query:"to" doc:"Accepted before"`
	Pending     bool      `query:"pending" doc:"Only those that are not routed yet"`
	Paging
}

func (s inboundEmails) list(ctx context.Context, in *inboundListInput) (*listOf[InboundEmail], error) {
	const list = "inbound emails"
	after, err := afterNumber(list, in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := s.inbox.List(ctx, actorOf(ctx), inbox.Filter{Disposition: in.Disposition, MailboxID: in.Mailbox,
		TicketID: in.Ticket, From: in.From, To: in.To, Pending: in.Pending}, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return paged(found, in.Limit, func(e inbox.Email) string { return newCursor(list, strconv.FormatInt(e.ID, 10)) }, showInboundEmail), nil
}

type byNumber struct {
	ID int64 `path:"id" minimum:"1"`
}

func (s inboundEmails) read(ctx context.Context, in *byNumber) (*one[InboundEmail], error) {
	e, err := s.inbox.Get(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &one[InboundEmail]{Body: showInboundEmail(e)}, nil
}

func (s inboundEmails) raw(ctx context.Context, in *byNumber) (*huma.StreamResponse, error) {
	content, size, err := s.inbox.Raw(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	name := "email-" + strconv.FormatInt(in.ID, 10) + ".eml"
	return stream(download{name: name, mediaType: "message/rfc822", size: size, content: content}), nil
}
