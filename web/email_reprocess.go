package web

import (
	"context"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/inbox"
)

// Reprocess says how an inbound email is read again.
type Reprocess struct {
	Apply       bool       `json:"apply" required:"false" doc:"false: only show what would differ; nothing is changed"`
	As          string     `json:"as,omitempty" enum:"open,join" doc:"Release an email that was set aside, whatever the rules say: open a ticket for it, or join it to one. Absent: as the rules say"`
	TicketID    *uuid.UUID `json:"ticket_id,omitempty" format:"uuid" doc:"Which ticket it joins; absent: the one that it is held for"`
	Acknowledge bool       `json:"acknowledge,omitempty" doc:"Acknowledge a ticket that it opens to its sender, unless the email is automatic or the mailbox does not acknowledge. No other letter is ever written"`
}

// Reprocessed is what reading an email again came to.
type Reprocessed struct {
	Applied     bool         `json:"applied" doc:"false where nothing differed or apply was not set"`
	Differences []Difference `json:"differences" nullable:"false"`
	Email       InboundEmail `json:"email" doc:"As it is now or would be; a ticket that would be opened has no id yet"`
}

// Difference is one thing that changes.
type Difference struct {
	Field string  `json:"field" enum:"class,disposition,reason,ticket,from,subject,priority,acknowledgement,reply,full_text,html,problems,attachments"`
	From  *string `json:"from" doc:"null: there was none; long texts are cut"`
	To    *string `json:"to"`
}

type reprocessInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body Reprocess
}

func (s inboundEmails) reprocess(ctx context.Context, in *reprocessInput) (*one[Reprocessed], error) {
	again := inbox.Again{Apply: in.Body.Apply, Acknowledge: in.Body.Acknowledge, As: in.Body.As}
	if in.Body.TicketID != nil {
		again.TicketID = *in.Body.TicketID
	}
	done, err := s.inbox.Reprocess(ctx, actorOf(ctx), in.ID, again)
	if err != nil {
		return nil, err
	}
	out := Reprocessed{Applied: done.Applied, Differences: []Difference{}, Email: showInboundEmail(done.Email)}
	for _, d := range done.Differences {
		from, to := d.Shown()
		out.Differences = append(out.Differences, Difference{Field: d.Field, From: from, To: to})
	}
	return &one[Reprocessed]{Body: out}, nil
}
