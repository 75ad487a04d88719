package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/worker"
)

// accept measures the floor under the promise: fetch, and store the bytes with row, cursor and job in one
// commit, without looking inside. One connection reads, as in a poll.
func (b *bench) accept(ctx context.Context) error {
	var rates samples
	for range b.runs {
		rate, err := b.acceptOnce(ctx)
		if err != nil {
			return err
		}
		rates = append(rates, rate)
	}
	b.report("fetch and store the bytes only", rates.of("emails/s", 0), fmt.Sprintf("%d emails, %d runs, one connection", b.n, b.runs))
	return nil
}

func (b *bench) acceptOnce(ctx context.Context) (rate float64, err error) {
	d, err := b.newDesk(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	box, err := d.connect(ctx, b.full, b.mail.SMTPAddr(), mailboxes.FromAll)
	if err != nil {
		return 0, err
	}
	folders, err := d.boxes.FoldersOf(ctx, box.ID)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := d.acceptAll(ctx, box, folders[0], b.full.password); err != nil {
		return 0, err
	}
	rate = float64(b.n) / time.Since(began).Seconds()
	var rows int
	if err := d.pool.QueryRow(ctx, `select count(*) from inbound_emails where disposition is null`).Scan(&rows); err != nil {
		return 0, err
	}
	if rows != b.n {
		return 0, fmt.Errorf("%d emails were accepted, not %d", rows, b.n)
	}
	return rate, nil
}

func (d *desk) acceptAll(ctx context.Context, box mailboxes.Mailbox, folder mailboxes.Folder, password string) error {
	session, err := mailbox.Dial(ctx, worker.IMAPAccount(box, mailboxes.Secrets{IMAP: password}, nil), mailbox.DefaultTimeouts())
	if err != nil {
		return err
	}
	defer session.Close()
	opened, err := session.Open(ctx, folder.Name)
	if err != nil {
		return err
	}
	seen := inbox.Seen{UIDValidity: int64(opened.UIDValidity), UIDNext: int64(opened.UIDNext)}
	if folder, err = d.inbox.Restart(ctx, folder, seen); err != nil {
		return err
	}
	var metas []mailbox.Meta
	err = session.List(ctx, 1, 0, func(m mailbox.Meta) error {
		metas = append(metas, m)
		return nil
	})
	for err == nil && len(metas) > 0 {
		n := min(d.set.FetchBatchMessages, len(metas))
		folder.LastUID, err = d.acceptBatch(ctx, session, folder, metas[:n])
		metas = metas[n:]
	}
	return err
}

func (d *desk) acceptBatch(ctx context.Context, session *mailbox.Session, folder mailboxes.Folder, metas []mailbox.Meta) (last int64, err error) {
	var arrivals []inbox.Arrival
	missing, err := session.Fetch(ctx, metas, func(m mailbox.Meta, bytes io.Reader) error {
		spool, err := blob.NewSpool(bytes)
		if err != nil {
			return err
		}
		arrivals = append(arrivals, inbox.Arrival{UID: int64(m.UID), Size: m.Size, InternalDate: m.InternalDate, Bytes: spool})
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(missing) > 0 {
		return 0, fmt.Errorf("%d emails are missing from the measured mailbox", len(missing))
	}
	last = int64(metas[len(metas)-1].UID)
	return last, d.inbox.Accept(ctx, folder, arrivals, last)
}
