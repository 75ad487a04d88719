package web

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/message"
)

// ticketLists answers what is asked about many tickets.
type ticketLists struct{ ticketRoom }

// customParameter stands in the reference for all parameters custom.<key>.
const customParameter = "custom.{key}"

// TicketFilter narrows lists and counts.
type TicketFilter struct {
	Status      string    `query:"status" enum:"open,in_progress,waiting,closed"`
	Priority    string    `query:"priority" enum:"high,medium,low"`
	Client      uuid.UUID `query:"client" format:"uuid"`
	Contact     uuid.UUID `query:"contact" format:"uuid"`
	Mailbox     uuid.UUID `query:"mailbox" format:"uuid"`
	Tag         string    `query:"tag" maxLength:"100"`
	Q           string    `query:"q" maxLength:"300" doc:"Words in the subject, the requester's name and address, or the number"`
	From        time.Time `query:"from" doc:"Opened then or later"`
	To          time.Time `query:"to" doc:"Opened before"`
	Undelivered bool      `query:"undelivered" doc:"Only tickets whose newest answer came to nothing for somebody"`
	Merged      bool      `query:"merged" doc:"Only tickets that were merged into another one; without it they are left out, whatever their status"`
	Custom      string    `query:"custom.{key}" doc:"A custom field that is this text; may stand for several keys"`

	custom map[string]string
}

// Resolve reads the parameters whose names only the desk knows.
func (f *TicketFilter) Resolve(ctx huma.Context) []error {
	f.custom = map[string]string{}
	url := ctx.URL()
	for name, values := range url.Query() {
		if key, ok := strings.CutPrefix(name, customStart); ok {
			f.custom[line(key)] = message.CleanText(values[0])
		}
	}
	return nil
}

func (f *TicketFilter) filter() tickets.Filter {
	priority, _ := tickets.ParsePriority(f.Priority) // checked by the schema; absent is zero
	return tickets.Filter{Status: tickets.Status(f.Status), Priority: priority, ClientID: f.Client, ContactID: f.Contact,
		MailboxID: f.Mailbox, Tag: line(f.Tag), Words: line(f.Q), From: f.From, To: f.To, Custom: f.custom,
		Merged: f.Merged, Undelivered: f.Undelivered}
}

type ticketListInput struct {
	TicketFilter
	Paging
	Sort string `query:"sort" enum:"newest,queue" default:"newest" doc:"queue: priority, then age, without closed ones"`
}

func (l ticketLists) list(ctx context.Context, in *ticketListInput) (*listOf[Ticket], error) {
	after, err := readTicketCursor(in.Sort, in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := l.tickets.List(ctx, actorOf(ctx), in.filter(), tickets.Page{Sort: in.Sort, After: after, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	k, err := l.known(ctx, found...)
	if err != nil {
		return nil, err
	}
	return paged(found, in.Limit, func(t tickets.Ticket) string { return newTicketCursor(in.Sort, tickets.After(t)) },
		func(t tickets.Ticket) Ticket { return showTicket(t, k) }), nil
}

func newTicketCursor(sort string, c tickets.Cursor) string {
	return newCursor("tickets "+sort, c.ID.String(), strconv.Itoa(int(c.Priority)))
}

func readTicketCursor(sort, cursor string) (tickets.Cursor, error) {
	fields, err := readCursor("tickets "+sort, cursor, 2)
	if err != nil || fields == nil {
		return tickets.Cursor{}, err
	}
	id, idErr := uuid.Parse(fields[0])
	priority, priorityErr := strconv.ParseInt(fields[1], 10, 16)
	if idErr != nil || priorityErr != nil {
		return tickets.Cursor{}, cursorRefused()
	}
	return tickets.Cursor{ID: id, Priority: tickets.Priority(priority)}, nil
}

// TicketCounts is how many tickets there are of each status.
type TicketCounts struct {
	Open       int64 `json:"open"`
	InProgress int64 `json:"in_progress"`
	Waiting    int64 `json:"waiting"`
	Closed     int64 `json:"closed"`
}

func (l ticketLists) counts(ctx context.Context, in *struct{ TicketFilter }) (*one[TicketCounts], error) {
	n, err := l.tickets.Counts(ctx, actorOf(ctx), in.filter())
	if err != nil {
		return nil, err
	}
	return &one[TicketCounts]{Body: TicketCounts{Open: n[tickets.Open], InProgress: n[tickets.InProgress],
		Waiting: n[tickets.Waiting], Closed: n[tickets.Closed]}}, nil
}
