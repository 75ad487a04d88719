package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"

	"github.com/postern-desk/postern/mail/letter"
	"github.com/postern-desk/postern/worker"
)

const sqlLettersSent = `select count(*) from letters where state = 'sent'`

// letters sends what the ingest queued, and beside it as much with a bare SMTP client, to a mail server
// whose 250 means that the email is on the disk.
func (b *bench) letters(ctx context.Context, d *desk) error {
	if err := d.releaseLetters(ctx); err != nil {
		return err
	}
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
	bare, err := b.bareLetters(ctx, connections)
	if err != nil {
		return err
	}
	remark := fmt.Sprintf("%d letters over %d connections", b.n, connections)
	b.report("letters: queued to taken by a server and noted", fmt.Sprintf("%.0f letters/s", rate), remark)
	b.report("  bare SMTP client", fmt.Sprintf("%.0f letters/s", bare), fmt.Sprintf("ratio %.2f", rate/bare))
	return b.statements(ctx, d, "letters")
}

func (b *bench) bareLetters(ctx context.Context, connections int) (rate float64, err error) {
	raw, err := acknowledgement()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for c := range connections {
		group.Go(func() error { return b.sendSome(ctx, raw, c, connections) })
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(b.n) / time.Since(began).Seconds(), nil
}

// sendSome sends every step-th letter from the first on.
func (b *bench) sendSome(ctx context.Context, raw []byte, first, step int) error {
	client, err := gosmtp.Dial(b.mail.SMTPAddr())
	if err != nil {
		return err
	}
	for i := first; i < b.n && ctx.Err() == nil; i += step {
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
