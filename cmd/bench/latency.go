package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/worker"
)

const singleEmails = 50

const sqlOpened = `select count(*) from messages where rfc_message_id = $1`

// gaps are the pauses between one email's ticket and the next email. The queue writes down the end of a
// job up to a quarter of a second late; until then the next poll is refused as a second one.
var gaps = []struct {
	what string
	gap  time.Duration
}{
	{"latency: server's notice to committed ticket, idle desk", 400 * time.Millisecond},
	{"latency: the same, each email right after the ticket before", 0},
}

// latency sends single emails to an idle desk that watches its mailbox, and waits for each one's ticket.
// The clock starts when the mail server has taken the email, which is when it tells its watchers.
func (b *bench) latency(ctx context.Context) (err error) {
	d, err := b.newDesk(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	at := login{address: b.mail.IMAPAddr(), user: deskAddress, password: mailPassword}
	if _, err := d.connect(ctx, at, b.mail.SMTPAddr(), mailboxes.FromAll); err != nil {
		return err
	}
	client, err := gosmtp.Dial(b.mail.SMTPAddr())
	if err != nil {
		return err
	}
	defer client.Quit()
	return d.work(ctx, func(w *worker.Worker) error {
		watching, stop := context.WithCancel(ctx)
		var watcher sync.WaitGroup
		watcher.Go(func() { w.Watch(watching) })
		defer watcher.Wait()
		defer stop()
		time.Sleep(3 * time.Second) // connected, and what there was is read
		for g, c := range gaps {
			var waits samples
			for i := range singleEmails {
				wait, err := d.timeOne(ctx, client, g*singleEmails+i)
				if err != nil {
					return err
				}
				waits = append(waits, wait)
				time.Sleep(c.gap)
			}
			b.report(c.what, fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", waits.median(), waits.percentile(99)), fmt.Sprintf("%d emails", singleEmails))
		}
		return nil
	})
}

// timeOne is in milliseconds.
func (d *desk) timeOne(ctx context.Context, client *gosmtp.Client, i int) (float64, error) {
	if err := client.SendMail(senderOf(i), []string{deskAddress}, bytes.NewReader(email(i))); err != nil {
		return 0, err
	}
	began := time.Now()
	err := d.until(ctx, 1, 500*time.Microsecond, sqlOpened, messageID(i))
	return float64(time.Since(began).Microseconds()) / 1000, err
}
