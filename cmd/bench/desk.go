package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outage"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/message"
	"github.com/postern-desk/postern/mail/smtp"
	"github.com/postern-desk/postern/migrations"
	"github.com/postern-desk/postern/worker"
)

const deskAddress = "support@desk.example"

// desk is the program's parts over a database of its own, put together as `postern serve` does: the
// measures are of what ships. The database has the production settings, with fsync.
type desk struct {
	set      config.Settings
	postgres *embedded.Postgres
	pool     *pgxpool.Pool // the owner's, for looking on
	db       *db.DB
	blobs    *blob.Store
	boxes    *mailboxes.Service
	outbox   *outbox.Outbox
	inbox    *inbox.Service
	smtp     *smtp.Pool
	queue    *river.Client[pgx.Tx] // inserts only
}

// newDesk makes a desk in a new folder below dir.
func (b *bench) newDesk(ctx context.Context) (d *desk, err error) {
	dir, err := os.MkdirTemp(b.dir, "desk-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o711); err != nil { // else a root's database goes elsewhere, and stays there
		return nil, err
	}
	d = &desk{set: b.set}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	quiet := slog.New(slog.DiscardHandler)
	d.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{Dir: filepath.Join(dir, "postgres"), BinDir: b.set.PGBin,
		Settings: b.serverSettings(), Log: quiet})
	if err != nil {
		return d, err
	}
	if err = errors.Join(migrations.Up(ctx, d.postgres.OwnerURL), b.countStatements(ctx, d)); err != nil {
		return d, err
	}
	keys, err := vault.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		return d, err
	}
	if d.db, err = db.Open(ctx, d.postgres.AppURL, db.Options{AppConns: 24}); err != nil {
		return d, err
	}
	if d.pool, err = pgxpool.New(ctx, d.postgres.OwnerURL); err != nil {
		return d, err
	}
	if d.queue, err = river.NewClient(riverpgxv5.New(d.pool), &river.Config{Logger: quiet}); err != nil {
		return d, err
	}
	d.assemble(keys)
	return d, nil
}

func (d *desk) assemble(keys *vault.Vault) {
	d.blobs = blob.New(d.db)
	d.boxes = mailboxes.New(d.db, keys)
	d.outbox = outbox.New(d.db, keys, time.Duration(d.set.LetterAttemptDays)*24*time.Hour)
	parsing := message.DefaultLimits()
	parsing.Total = int64(d.set.MaxEmailBytes)
	helpdesk := tickets.New(d.db, d.outbox, d.blobs, tickets.Desk{Name: d.set.DeskName})
	d.inbox = inbox.New(d.db, d.blobs, helpdesk, inbox.Rules{Parsing: parsing,
		TicketsPerSender: d.set.TicketLimitAddress.Count, TicketsPerDomain: d.set.TicketLimitDomain.Count,
		TicketWindow: d.set.TicketLimitAddress.Per, AcksPerWindow: d.set.AckLimit.Count, AckWindow: d.set.AckLimit.Per,
		ReplyWait: d.set.ReplyWait})
	d.smtp = smtp.NewPool(d.set.SMTPConnections, 30*time.Second, smtp.Timeouts{})
}

// newWorker makes a worker with the settings that are shipped.
func (d *desk) newWorker() (*worker.Worker, error) {
	return worker.New(worker.Deps{DB: d.db, Blobs: d.blobs, Mailboxes: d.boxes, Inbox: d.inbox, Outbox: d.outbox,
		Outages: outage.New(d.db, d.outbox, outage.Desk{}), SMTP: d.smtp,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))},
		worker.Settings{Process: "bench-" + uuid.NewString(), Works: true, Watches: true,
			IngestWorkers: d.set.IngestWorkers, BatchMessages: d.set.FetchBatchMessages,
			BatchBytes: int64(d.set.FetchBatchBytes), MaxEmailBytes: int64(d.set.MaxEmailBytes), PollInterval: time.Hour,
			IdleSlice: d.set.IdleSlice, IMAP: mailbox.DefaultTimeouts(), Drain: d.set.ShutdownDrain,
			LetterWorkers: worker.LetterWorkers(d.set.SMTPConnections),
			Keep:          worker.Retention{RawEmailDays: d.set.RetainRawEmailDays, LetterDays: d.set.RetainLetterDays}})
}

// work runs a worker while fn does.
func (d *desk) work(ctx context.Context, fn func(*worker.Worker) error) error {
	w, err := d.newWorker()
	if err != nil {
		return err
	}
	if err := w.Start(ctx); err != nil {
		return err
	}
	return errors.Join(fn(w), w.Stop(ctx))
}

// operator is who sets the desk up.
var operator = event.Actor{Kind: "cli", ID: "bench", Name: "Bench", Realm: event.Staff}

// login is who reads a mailbox, and where.
type login struct {
	address, user, password string
}

// connect adds a mailbox that is read at imap and sends by the bench's own mail server at smtpAddress.
func (d *desk) connect(ctx context.Context, imap login, smtpAddress string, start string) (mailboxes.Mailbox, error) {
	in, err := serverAt(imap.address, imap.user)
	if err != nil {
		return mailboxes.Mailbox{}, err
	}
	out, err := serverAt(smtpAddress, imap.user)
	if err != nil {
		return mailboxes.Mailbox{}, err
	}
	address, outPassword := deskAddress, mailPassword
	return d.boxes.Create(ctx, operator, mailboxes.Fields{Address: &address, AddressNorm: address, IMAP: &in, SMTP: &out,
		IMAPPassword: &imap.password, SMTPPassword: &outPassword, Start: &start})
}

func serverAt(address, user string) (mailboxes.Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return mailboxes.Server{}, err
	}
	n, err := strconv.Atoi(port)
	return mailboxes.Server{Host: host, Port: n, Security: "none", Username: user}, err
}

const sqlHoldLetters = `
insert into river_queue (name, created_at, updated_at, paused_at) values ('letters', now(), now(), now())
on conflict (name) do update set paused_at = now()`

const sqlReleaseLetters = `update river_queue set paused_at = null where name = 'letters'`

// holdLetters leaves letters in the queue; it counts for workers that start later.
func (d *desk) holdLetters(ctx context.Context) error {
	_, err := d.pool.Exec(ctx, sqlHoldLetters)
	return err
}

func (d *desk) releaseLetters(ctx context.Context) error {
	_, err := d.pool.Exec(ctx, sqlReleaseLetters)
	return err
}

func (d *desk) close() error {
	if d.smtp != nil {
		d.smtp.Close()
	}
	if d.pool != nil {
		d.pool.Close()
	}
	if d.db != nil {
		d.db.Close()
	}
	if d.postgres == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return d.postgres.Stop(ctx)
}

// until asks the database until the answer is at least n; it fails after a minute without progress.
func (d *desk) until(ctx context.Context, n int64, every time.Duration, sql string, args ...any) error {
	var last int64
	for moved := time.Now(); ; {
		var have int64
		if err := d.pool.QueryRow(ctx, sql, args...).Scan(&have); err != nil {
			return err
		}
		switch {
		case have >= n:
			return nil
		case have != last:
			last, moved = have, time.Now()
		case time.Since(moved) > time.Minute:
			return fmt.Errorf("nothing has moved for a minute at %d of %d: %s", have, n, sql)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}
