package web

import (
	"context"

	"github.com/google/uuid"
)

// Merge names the ticket that takes a thread in.
type Merge struct {
	Into string `json:"into" minLength:"1" maxLength:"40" doc:"Id or number of a ticket of the same client. It gets the messages, files, letters, participants, held emails and tags; later replies to either join it; its participants get all answers" example:"1001"`
}

// MergedInto is where the thread of a merged ticket is.
type MergedInto struct {
	ID     uuid.UUID `json:"id" format:"uuid"`
	Number int64     `json:"number"`
}

type mergeInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body Merge
}

// merge answers with the ticket that has both threads.
func (s ticketWrites) merge(ctx context.Context, in *mergeInput) (*one[Ticket], error) {
	t, err := s.tickets.Merge(ctx, actorOf(ctx), in.ID, line(in.Body.Into))
	if err != nil {
		return nil, err
	}
	shown, err := s.show(ctx, t)
	return &one[Ticket]{ETag: etag(t.Version), Body: shown}, err
}
