package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"golang.org/x/sync/errgroup"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/letter"
	"github.com/postern-desk/postern/worker"
)

const sqlLettersSent = `select count(*) from letters where state = 'sent'`

// sqlOweAgain makes every letter one that was never tried.
const sqlOweAgain = `update letters set state = 'queued', attempts = 0, sent_at = null, next_attempt_at = now()`

// letters sends what the ingest queued, and beside it as much with a bare SMTP client: to a mail server whose
// 250 means that the email is on the disk, and to one that takes its time.
func (b *bench) letters(ctx context.Context, d *desk, box mailboxes.Mailbox) error {
	if err := d.releaseLetters(ctx); err != nil {
		return err
	}
	if err := b.lettersTo(ctx, d, b.mail.SMTPAddr(), "letters: queued to taken by a server and noted"); err != nil {
		return err
	}
	if err := b.statements(ctx, d, "letters"); err != nil {
		return err
	}
	slow, address, err := startSlow()
	if err != nil {
		return err
	}
	defer slow.Close()
	if err := d.oweAgain(ctx, box, address); err != nil {
		return err
	}
	return b.lettersTo(ctx, d, address, fmt.Sprintf("letters: to a server that answers after %s", slowAnswer))
}

func (b *bench) lettersTo(ctx context.Context, d *desk, address, what string) error {
	var rate float64
	err := d.work(ctx, func(*worker.Worker) error {
		began := time.Now()
		err := d.until(ctx, int64(b.n), 20*time.Millisecond, sqlLettersSent)
		rate = float64(b.n) / time.Since(began).Seconds()
		return err
	})
	if err != nil {
		return err
	}
	connections := d.set.SMTPConnections
	bare, err := b.bareLetters(ctx, address, connections)
	if err != nil {
		return err
	}
	remark := fmt.Sprintf("%d letters over %d connections", b.n, connections)
	b.report(what, fmt.Sprintf("%.0f letters/s", rate), remark)
	b.report("  bare SMTP client", fmt.Sprintf("%.0f letters/s", bare), fmt.Sprintf("ratio %.2f", rate/bare))
	return nil
}

// oweAgain queues every letter once more, to be handed to the mail server at address.
func (d *desk) oweAgain(ctx context.Context, box mailboxes.Mailbox, address string) error {
	out, err := serverAt(address, box.SMTP.Username)
	if err != nil {
		return err
	}
	if _, err := d.boxes.Update(ctx, operator, box.ID, box.Version, mailboxes.Fields{SMTP: &out}); err != nil {
		return err
	}
	if _, err := d.pool.Exec(ctx, sqlOweAgain); err != nil {
		return err
	}
	if _, err := d.pool.Exec(ctx, "vacuum letters"); err != nil {
		return err
	}
	rows, err := d.pool.Query(ctx, "select id::text from letters order by id")
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	owed := make([]river.InsertManyParams, len(ids))
	for i, id := range ids {
		owed[i] = river.InsertManyParams{Args: jobs.SendLetter{LetterID: id}}
	}
	_, err = d.queue.InsertMany(ctx, owed)
	return err
}

func (b *bench) bareLetters(ctx context.Context, address string, connections int) (rate float64, err error) {
	raw, err := acknowledgement()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for c := range connections {
		group.Go(func() error { return b.sendSome(ctx, address, raw, part{c, connections}) })
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(b.n) / time.Since(began).Seconds(), nil
}

// part is every step-th letter from the first on.
type part struct{ first, step int }

func (b *bench) sendSome(ctx context.Context, address string, raw []byte, p part) error {
	client, err := gosmtp.Dial(address)
	if err != nil {
		return err
	}
	for i := p.first; i < b.n && ctx.Err() == nil; i += p.step {
		if err := client.SendMail(deskAddress, []string{senderOf(i)}, bytes.NewReader(raw)); err != nil {
			return errors.Join(err, client.Close())
		}
	}
	return client.Quit()
}

// acknowledgement is a letter like those that the desk sends.
func acknowledgement() ([]byte, error) {
	words, err := letter.RenderAcknowledgement(letter.Acknowledgement{Desk: "Support", TicketNumber: "1001",
		Subject: "Printer in the office", ContactName: "Ann Example"})
	if err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	err = letter.Compose(&raw, letter.Letter{From: letter.Address{Name: "Support", Address: deskAddress},
		To: []letter.Address{{Name: "Ann Example", Address: senderOf(0)}}, Subject: words.Subject, MessageID: "bare@desk.example",
		Date: time.Now(), Auto: words.Auto, Text: words.Text, HTML: words.HTML})
	return raw.Bytes(), err
}
