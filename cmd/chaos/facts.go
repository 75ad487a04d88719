package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// facts are what the mail server and the database hold in the end.
type facts struct {
	inbox     folder
	ledger    []ledgerRow
	tickets   []string // ids
	messages  []messageRow
	letters   []letterRow
	audit     []recordRow
	events    []eventRow
	forgotten map[string]bool // letters that only a desk knew that is gone, by Message-ID
	delivered map[string]int  // copies of each Message-ID in the recipients' mailboxes
}

type ledgerRow struct {
	UIDValidity int64   `db:"uidvalidity"`
	UID         int64   `db:"uid"`
	MessageID   string  `db:"message_id"`
	Disposition *string `db:"disposition"`
	TicketID    string  `db:"ticket_id"`
}

type messageRow struct {
	MessageID string `db:"rfc_message_id"`
	TicketID  string `db:"ticket_id"`
}

type letterRow struct {
	ID        string `db:"id"`
	Kind      string `db:"kind"`
	TicketID  string `db:"ticket_id"`
	Recipient string `db:"recipient"`
	MessageID string `db:"rfc_message_id"`
	State     string `db:"state"`
}

type recordRow struct {
	ID      string `db:"id"`
	Kind    string `db:"kind"`
	Subject string `db:"subject_id"`
}

type eventRow struct {
	recordRow
	Sequence int64 `db:"sequence"`
}

const (
	sqlLedger = `
select uidvalidity, uid, message_id, disposition, coalesce(ticket_id::text, '') as ticket_id from inbound_emails order by id`
	sqlTickets  = `select id::text from tickets order by number`
	sqlMessages = `select rfc_message_id, ticket_id::text from messages where origin = 'client' order by id`
	sqlLetters  = `
select id::text, kind, coalesce(ticket_id::text, '') as ticket_id, recipients[1] as recipient, rfc_message_id, state from letters order by id`
	sqlAudit  = `select event_id::text as id, kind, subject_id from audit_entries order by seq`
	sqlEvents = `select id::text, type as kind, subject_id, sequence from webhook_events order by at, id`
)

// gather reads everything, of all rounds so far.
func gather(ctx context.Context, d demo, plan []*planned) (f facts, err error) {
	conn, err := pgx.Connect(ctx, d.DatabaseURL)
	if err != nil {
		return f, err
	}
	defer conn.Close(ctx)
	for _, read := range []func() error{
		func() (err error) { f.ledger, err = all[ledgerRow](ctx, conn, sqlLedger); return err },
		func() (err error) { f.messages, err = all[messageRow](ctx, conn, sqlMessages); return err },
		func() (err error) { f.letters, err = all[letterRow](ctx, conn, sqlLetters); return err },
		func() (err error) { f.audit, err = all[recordRow](ctx, conn, sqlAudit); return err },
		func() (err error) { f.events, err = all[eventRow](ctx, conn, sqlEvents); return err },
	} {
		if err := read(); err != nil {
			return f, err
		}
	}
	rows, err := conn.Query(ctx, sqlTickets)
	if err != nil {
		return f, err
	}
	if f.tickets, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return f, err
	}
	if f.inbox, err = readSupport(d); err != nil {
		return f, err
	}
	f.delivered, err = deliveries(d, plan)
	return f, err
}

func all[T any](ctx context.Context, conn *pgx.Conn, sql string) ([]T, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// deliveries reads the mailbox of everybody who can have got a letter.
func deliveries(d demo, plan []*planned) (map[string]int, error) {
	copies, read := map[string]int{}, map[string]bool{}
	people := []string{staffAddress}
	for _, p := range plan {
		people = append(people, p.from)
	}
	for _, who := range people {
		if read[who] {
			continue
		}
		read[who] = true
		f, err := readInbox(d, who)
		if err != nil {
			return nil, fmt.Errorf("mailbox of a recipient: %w", err)
		}
		for _, e := range f.emails {
			copies[e.messageID]++
		}
	}
	return copies, nil
}
