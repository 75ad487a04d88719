package web

import (
	"context"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/tickets"
)

type messageListInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	Paging
}

// list shows a thread from its end; a ticket read alone has only the newest messages.
func (s ticketMessages) list(ctx context.Context, in *messageListInput) (*listOf[Message], error) {
	before, err := afterID(messageList(in.ID), in.Cursor)
	if err != nil {
		return nil, err
	}
	found, files, err := s.tickets.Messages(ctx, actorOf(ctx), in.ID, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	of := byMessage(files)
	return paged(found, in.Limit, func(m tickets.Message) string { return newMessageCursor(in.ID, m) },
		func(m tickets.Message) Message { return showMessage(m, of[m.ID]) }), nil
}

func messageList(ticket uuid.UUID) string { return "messages " + ticket.String() }

// newMessageCursor is of the list of messages that were before this one.
func newMessageCursor(ticket uuid.UUID, m tickets.Message) string {
	return newCursor(messageList(ticket), m.ID.String())
}

func showMessages(messages []tickets.Message, files []tickets.Attachment) []Message {
	out, of := make([]Message, 0, len(messages)), byMessage(files)
	for _, m := range messages {
		out = append(out, showMessage(m, of[m.ID]))
	}
	return out
}

func byMessage(files []tickets.Attachment) map[uuid.UUID][]tickets.Attachment {
	of := map[uuid.UUID][]tickets.Attachment{}
	for _, a := range files {
		of[a.MessageID] = append(of[a.MessageID], a)
	}
	return of
}
