package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/worker"
)

// The sequence tells how far it is without a scan; the count tells the truth at the end.
const (
	sqlNumbersDrawn = `select last_value - 1001 + is_called::int from ticket_numbers`
	sqlRouted       = `select count(*) from inbound_emails where disposition = 'opened'`
)

// ingest runs the whole road: from the poll's start until every email is a ticket with its letter, audit
// entry and event, committed. The letters stay queued.
func (b *bench) ingest(ctx context.Context) error {
	var m ingested
	for run := range b.runs {
		d, err := b.newDesk(ctx)
		if err != nil {
			return err
		}
		stop, err := b.startProfile(run)
		if err != nil {
			return errors.Join(err, d.close())
		}
		box, err := b.ingestOnce(ctx, d, b.full, b.n, &m)
		err = errors.Join(err, stop())
		if err == nil && run == b.runs-1 {
			b.reportIngest(m)
			err = b.statements(ctx, d, "ingest")
			if b.wants("letters") {
				err = errors.Join(err, b.letters(ctx, d, box))
			}
		}
		if err := errors.Join(err, d.close()); err != nil {
			return err
		}
	}
	return nil
}

// ingested are the measures of the whole road, one of each a run.
type ingested struct {
	rates, memory, ours, postgres samples
}

func (b *bench) reportIngest(m ingested) {
	b.whole = m.rates.median()
	b.report("whole road: poll to ticket, letter, audit entry and event", m.rates.of("emails/s", 0), fmt.Sprintf("%d emails, %d runs", b.n, b.runs))
	b.reportProcessor(m.ours, m.postgres)
	if m.memory.median() > 0 {
		b.report("  resident memory at its peak, this process", m.memory.of("MiB", 0), "without PostgreSQL")
	}
}

// ingestOnce has the desk read a mailbox of n emails.
func (b *bench) ingestOnce(ctx context.Context, d *desk, from login, n int, m *ingested) (mailboxes.Mailbox, error) {
	box, err := d.connect(ctx, from, b.mail.SMTPAddr(), mailboxes.FromAll)
	if err != nil {
		return box, err
	}
	if err := d.holdLetters(ctx); err != nil {
		return box, err
	}
	return box, d.work(ctx, func(*worker.Worker) error {
		time.Sleep(time.Second) // the queue's leader is elected, the first upkeep is done
		forgetPeak()
		before, err := d.spent(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		if _, err := d.queue.Insert(ctx, jobs.PollMailbox{MailboxID: box.ID.String()}, nil); err != nil {
			return err
		}
		if err := d.until(ctx, int64(n), 5*time.Millisecond, sqlNumbersDrawn); err != nil {
			return err
		}
		if err := d.until(ctx, int64(n), 5*time.Millisecond, sqlRouted); err != nil {
			return err
		}
		m.rates = append(m.rates, float64(n)/time.Since(began).Seconds())
		after, err := d.spent(ctx)
		if err != nil {
			return err
		}
		ours, postgres := after.perEmail(before, n)
		m.ours, m.postgres, m.memory = append(m.ours, ours), append(m.postgres, postgres), append(m.memory, peakMiB())
		return d.verify(ctx, box, n)
	})
}

// startProfile profiles the first run.
func (b *bench) startProfile(run int) (stop func() error, err error) {
	if b.profile == "" || run > 0 {
		return func() error { return nil }, nil
	}
	file, err := os.Create(b.profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// verify counts what the measure claims to have made.
func (d *desk) verify(ctx context.Context, box mailboxes.Mailbox, n int) error {
	for _, c := range []struct{ what, sql string }{
		{"ledger rows", `select count(*) from inbound_emails where disposition = 'opened' and mailbox_id = $1`},
		{"tickets", `select count(*) from tickets where mailbox_id = $1`},
		{"messages", `select count(distinct rfc_message_id) from messages m join tickets t on t.id = m.ticket_id where t.mailbox_id = $1`},
		{"audit entries", `select count(*) from audit_entries a join tickets t on a.subject_id = t.id::text and a.kind = 'ticket.opened' where t.mailbox_id = $1`},
		{"events", `select count(*) from webhook_events e join tickets t on e.subject_id = t.id::text and e.type = 'ticket.opened' where t.mailbox_id = $1`},
		{"letters", `select count(*) from letters where state = 'queued' and mailbox_id = $1`},
		{"letters' bytes", `select count(*) from letter_bytes b join letters l on l.id = b.letter_id where l.mailbox_id = $1`},
		{"jobs that send", `select count(*) from river_job j join letters l on j.args ->> 'letter_id' = l.id::text and j.kind = 'send_letter' where l.mailbox_id = $1`},
	} {
		var have int
		if err := d.pool.QueryRow(ctx, c.sql, box.ID).Scan(&have); err != nil {
			return fmt.Errorf("count the %s: %w", c.what, err)
		}
		if have != n {
			return fmt.Errorf("%d %s for %d emails: the measure is of something else", have, c.what, n)
		}
	}
	return nil
}
