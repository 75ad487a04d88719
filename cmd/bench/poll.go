package main

import (
	"context"
	"fmt"
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

// idlePoll measures polls that find nothing: in the mailbox that was just read, and in an empty one.
func (b *bench) idlePoll(ctx context.Context, full *desk) error {
	boxes, err := full.boxes.List(ctx, onlooker)
	if err != nil {
		return err
	}
	if err := full.timePolls(ctx, b, boxes[0], fmt.Sprintf("poll that finds nothing, mailbox of %d", b.n)); err != nil {
		return err
	}
	empty, err := b.newDesk(ctx)
	if err != nil {
		return err
	}
	defer empty.close()
	box, err := empty.connect(ctx, b.empty, b.mail.SMTPAddr())
	if err != nil {
		return err
	}
	return empty.timePolls(ctx, b, box, "poll that finds nothing, mailbox of 0")
}

// timePolls leaves the first poll out: it logs in.
func (d *desk) timePolls(ctx context.Context, b *bench, box mailboxes.Mailbox, what string) error {
	var times samples
	err := d.work(ctx, func(*worker.Worker) error {
		time.Sleep(time.Second)
		id := box.ID.String()
		var before int64
		if err := d.pool.QueryRow(ctx, sqlPollsDone, id).Scan(&before); err != nil {
			return err
		}
		for i := range int64(1 + idlePolls) {
			if _, err := d.queue.Insert(ctx, jobs.PollMailbox{MailboxID: id}, nil); err != nil {
				return err
			}
			if err := d.until(ctx, before+i+1, 2*time.Millisecond, sqlPollsDone, id); err != nil {
				return err
			}
		}
		rows, err := d.pool.Query(ctx, sqlPollTimes, id, idlePolls)
		if err != nil {
			return err
		}
		times, err = pgx.CollectRows(rows, pgx.RowTo[float64])
		return err
	})
	if err != nil {
		return err
	}
	b.report(what, fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", times.median(), times.percentile(99)), fmt.Sprintf("%d polls, Dovecot", idlePolls))
	return nil
}
