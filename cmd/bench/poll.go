package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/worker"
)

const idlePolls = 50

// How long the job ran, by the queue's own times.
const sqlPollTimes = `
select extract(epoch from finalized_at - attempted_at)::float8 * 1000 from river_job
where kind = 'poll_mailbox' and state = 'completed' and args ->> 'mailbox_id' = $1 order by id desc limit $2`

const sqlPollsDone = `
select count(*) from river_job where kind = 'poll_mailbox' and state = 'completed' and args ->> 'mailbox_id' = $1`

// poll measures polls that find nothing new: in an empty mailbox, and in one that was full when the desk came.
func (b *bench) poll(ctx context.Context) error {
	var empty float64
	for _, emails := range []int{0, b.old} {
		user, password := b.dovecot.NewUser("poll")
		if err := b.fillSmall(user, emails); err != nil {
			return err
		}
		times, err := b.polls(ctx, login{address: b.dovecot.Addr(), user: user, password: password})
		if err != nil {
			return err
		}
		remark := fmt.Sprintf("%d polls, Dovecot", idlePolls)
		if emails == 0 {
			empty = times.median()
		} else {
			remark += fmt.Sprintf("; %.2f of the empty mailbox's time", times.median()/empty)
		}
		b.report(fmt.Sprintf("poll that finds nothing, mailbox of %d", emails), fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", times.median(), times.percentile(99)), remark)
	}
	return nil
}

// fillSmall puts so many small emails into the user's mailbox.
func (b *bench) fillSmall(user string, emails int) error {
	const slice = 5000
	for from := 0; from < emails; from += slice {
		fmt.Fprintf(os.Stderr, "\rFilling a mailbox: %d of %d emails ", from, emails)
		raws := make([][]byte, min(slice, emails-from))
		for i := range raws {
			raws[i] = fmt.Appendf(nil, "From: old%d@past.example\r\nMessage-ID: <old-%d@past.example>\r\nSubject: old\r\n\r\nOld.\r\n", from+i, from+i)
		}
		if err := b.dovecot.AppendMany(user, "INBOX", raws, time.Now()); err != nil {
			return err
		}
	}
	if emails > 0 {
		fmt.Fprintln(os.Stderr)
	}
	return nil
}

func (b *bench) polls(ctx context.Context, at login) (times samples, err error) {
	d, err := b.newDesk(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	box, err := d.connect(ctx, at, b.mail.SMTPAddr(), mailboxes.FromNow)
	if err != nil {
		return nil, err
	}
	return times, d.work(ctx, func(*worker.Worker) error {
		times, err = d.timePolls(ctx, box)
		return err
	})
}

// timePolls leaves the first poll out: it logs in.
func (d *desk) timePolls(ctx context.Context, box mailboxes.Mailbox) (samples, error) {
	time.Sleep(time.Second)
	id := box.ID.String()
	for i := range int64(1 + idlePolls) {
		if _, err := d.queue.Insert(ctx, jobs.PollMailbox{MailboxID: id}, nil); err != nil {
			return nil, err
		}
		if err := d.until(ctx, i+1, 2*time.Millisecond, sqlPollsDone, id); err != nil {
			return nil, err
		}
	}
	rows, err := d.pool.Query(ctx, sqlPollTimes, id, idlePolls)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[float64])
}
