package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/mailboxes"
)

// growth runs the whole road in desks that hold more and more already: an empty one, then one with as many
// tickets, messages, letters, emails, audit entries and events as -rows says. It is only run when asked
// for, since filling a million takes minutes.
func (b *bench) growth(ctx context.Context) error {
	var empty float64
	for _, rows := range []int{0, b.rows / 1000, b.rows} {
		var m ingested
		for range b.runs {
			if err := b.grown(ctx, rows, &m); err != nil {
				return err
			}
		}
		remark := fmt.Sprintf("%.2f ms of processor an email (%.2f ours, %.2f PostgreSQL)", m.ours.median()+m.postgres.median(), m.ours.median(), m.postgres.median())
		if rows == 0 {
			empty = m.rates.median()
		} else {
			remark += fmt.Sprintf("; %.2f of the empty desk's rate", m.rates.median()/empty)
		}
		b.report(fmt.Sprintf("whole road in a desk of %d tickets", rows), m.rates.of("emails/s", 0), remark)
	}
	return nil
}

func (b *bench) grown(ctx context.Context, rows int, m *ingested) error {
	d, err := b.newDesk(ctx)
	if err != nil {
		return err
	}
	err = d.fill(ctx, rows)
	if err == nil {
		_, err = b.ingestOnce(ctx, d, b.full, b.n, m)
	}
	return errors.Join(err, d.close())
}

// fillStep is how many tickets one statement of each table makes.
const fillStep = 20_000

// fill makes a past of so many tickets, each with everything that the whole road writes for an email.
func (d *desk) fill(ctx context.Context, rows int) error {
	if rows == 0 {
		return nil
	}
	began := time.Now()
	if err := d.fillMailbox(ctx); err != nil {
		return err
	}
	for from := 0; from < rows; from += fillStep {
		batch := &pgx.Batch{}
		for _, sql := range sqlFill {
			batch.Queue(sql, from+1, min(from+fillStep, rows))
		}
		if err := d.pool.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("fill the desk: %w", err)
		}
		fmt.Fprintf(os.Stderr, "\rFilling the desk: %d of %d tickets, %s ", min(from+fillStep, rows), rows, time.Since(began).Round(time.Second))
	}
	fmt.Fprintln(os.Stderr)
	_, err := d.pool.Exec(ctx, "vacuum (analyze)")
	return err
}

// fillMailbox adds the mailbox of the past, which nobody reads.
func (d *desk) fillMailbox(ctx context.Context) error {
	address, paused, secret, nowhere := "past@desk.example", true, "", mailboxes.Server{Host: "127.0.0.1", Port: 1, Security: "none"}
	_, err := d.boxes.Create(ctx, operator, mailboxes.Fields{Address: &address, AddressNorm: address, IMAP: &nowhere, SMTP: &nowhere,
		IMAPPassword: &secret, SMTPPassword: &secret, Paused: &paused})
	return err
}

// pastID is a version 7 id of the table and the number: ids sort by time, and the past begins with 2025.
const pastID = `(lpad(to_hex(1735689600000 + i), 12, '0') || '7' ||
	substr(md5(i || '%[1]s'), 1, 3) || '8' || substr(md5(i || '%[1]s'), 4, 15))::uuid`

// pastFrom ends each statement: the numbers, and the mailbox and folder of the past.
const pastFrom = ` from generate_series($1::bigint, $2::bigint) as i, (select m.id as box, f.id as folder from mailboxes m
	join mailbox_folders f on f.mailbox_id = m.id where m.address_norm = 'past@desk.example') as past`

var (
	pastTicket  = fmt.Sprintf(pastID, "ticket")
	pastMessage = fmt.Sprintf(pastID, "message")
	pastLetter  = fmt.Sprintf(pastID, "letter")
	pastEvent   = fmt.Sprintf(pastID, "event")
	// One contact for two tickets, as in the measured emails.
	pastContact = `(select id from contacts where email_norm = 'past' || i / 2 || '@d' || i % 5000 / 2 || '.example')`
)

// sqlFill goes table by table, since what is referred to comes first.
var sqlFill = []string{
	`insert into contacts (id, name, email, email_norm) select ` + fmt.Sprintf(pastID, "contact") + `, 'Past ' || i, 'past' || i / 2 || '@d' ||
		i % 5000 / 2 || '.example', 'past' || i / 2 || '@d' || i % 5000 / 2 || '.example'` + pastFrom + ` where i % 2 = 0 on conflict do nothing`,
	`insert into blob_chunks (sha256, n, size, data) select sha256(i::text::bytea), 0, 300, decode(repeat(md5(i::text), 9), 'hex')` + pastFrom,
	`insert into tickets (id, number, contact_id, mailbox_id, channel, subject, status, priority, priority_reasons, requester_address, requester_name, messages)
		select ` + pastTicket + `, 100000000 + i, ` + pastContact + `, box, 'email', 'Order ' || i || ' has not ' || substr(md5(i::text), 1, 6) || ' arrived',
		(array['closed', 'closed', 'closed', 'closed', 'open', 'waiting'])[i % 6 + 1], i % 3 + 1, array['the mailbox''s default'],
		'past' || i / 2 || '@d' || i % 5000 / 2 || '.example', 'Past ' || i, 1` + pastFrom,
	`insert into participants (ticket_id, address, role, name) select ` + pastTicket + `, 'past' || i / 2 || '@d' || i % 5000 / 2 || '.example', 'requester', 'Past'` + pastFrom,
	`insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, sha256, message_id, disposition, reason,
		class, ticket_id, processed_at) select box, folder, 1, 0, i, 300, now() - interval '1 year', sha256(i::text::bytea), '', 'replied',
		'a past email', 'human', ` + pastTicket + `, now() - interval '300 days'` + pastFrom,
	`insert into email_keys (key, email_id) select e.sha256, e.id from inbound_emails e join mailbox_folders f on f.id = e.folder_id
		join mailboxes m on m.id = f.mailbox_id where m.address_norm = 'past@desk.example' and e.uid between $1::bigint and $2::bigint`,
	`insert into messages (id, ticket_id, visibility, origin, author_name, author_address, body, rfc_message_id) select ` + pastMessage + `, ` + pastTicket + `,
		'everyone', 'client', 'Past', 'past@d.example', repeat(md5(i::text) || ' ', 18), i || '@past.example'` + pastFrom,
	`insert into letters (id, kind, mailbox_id, ticket_id, message_ref, recipients, subject, rfc_message_id, bounce_hash, state, give_up_at, sent_at)
		select ` + pastLetter + `, 'acknowledgement', box, ` + pastTicket + `, ` + pastMessage + `, array['past@d.example'], 'Re: Order', i || '@letters.example',
		sha256((i || 'bounce')::bytea), 'sent', now(), now() - interval '1 year'` + pastFrom,
	`insert into reply_tokens (hash, ticket_id, address) select sha256((i || 'token')::bytea), ` + pastTicket + `, 'past@d.example'` + pastFrom,
	`insert into audit_entries (event_id, kind, module, action, actor_kind, actor_id, actor_name, subject_id, label, detail) select ` + pastEvent + `,
		'ticket.opened', 'tickets', 'open', 'contact', 'past', 'Past', (` + pastTicket + `)::text, 'Order', '{"channel": "email"}'` + pastFrom,
	`insert into webhook_events (id, type, subject_id, sequence, data) select ` + pastEvent + `, 'ticket.opened', (` + pastTicket + `)::text, 1,
		jsonb_build_object('subject', 'Order ' || i, 'text', repeat(md5(i::text), 12))` + pastFrom,
}
