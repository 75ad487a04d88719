package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/metrics"
	"github.com/postern-desk/postern/internal/outage"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/message"
	"github.com/postern-desk/postern/mail/smtp"
	"github.com/postern-desk/postern/web"
	"github.com/postern-desk/postern/worker"
)

// desk is the assembled program.
type desk struct {
	set       config.Settings
	log       *slog.Logger
	roots     *x509.CertPool // trusted for mail servers; nil: the system's
	store     *store
	blobs     *blob.Store
	contacts  *contacts.Service
	mailboxes *mailboxes.Service
	outbox    *outbox.Outbox
	wording   *wording.Service
	tickets   *tickets.Service
	inbox     *inbox.Service
	identity  *identity.Service
	smtp      *smtp.Pool
	heart     *worker.Heart
	worker    *worker.Worker
	web       *webServer
	metrics   *metrics.Process
	numbers   *metricsServer // nil: no address of their own is set

	watching, beating background
	endPages          context.CancelFunc // of what the queue's pages do by themselves; nil: they are not there
}

// conns is enough for the workers' own queries beside a few requests.
const conns = 24

// assemble opens the store and builds every service. front answers already, and is not stopped where assembling
// fails; nil: this process answers no HTTP.
func assemble(ctx context.Context, set config.Settings, front *webServer, log *slog.Logger) (*desk, error) {
	roots, err := set.RootCAs()
	if err != nil {
		return nil, err
	}
	files, err := wording.ReadFiles(set.TemplatesDir)
	if err != nil {
		return nil, err
	}
	worker.EaseCollector()
	slog.SetDefault(log) // for what has no logger of its own, such as a panic in reading an email
	st, err := openStore(ctx, set.Storage, conns, log)
	if err != nil {
		return nil, err
	}
	d := &desk{set: set, log: log, roots: roots, store: st, web: front}
	d.blobs = blob.New(st.db)
	d.contacts = contacts.New(st.db)
	d.mailboxes = mailboxes.New(st.db, st.vault)
	d.outbox = outbox.New(st.db, st.vault, time.Duration(set.LetterAttemptDays)*24*time.Hour)
	d.wording = wording.New(st.db, d.outbox, files)
	d.tickets = tickets.New(st.db, d.outbox, d.blobs, d.letters())
	d.inbox = inbox.New(st.db, d.blobs, d.tickets, d.rules())
	d.identity = identity.New(st.db)
	d.metrics = metrics.NewProcess(st.db, version, roleNames(set.Roles))
	d.smtp = smtp.NewPool(set.SMTPConnections, 30*time.Second, smtp.Timeouts{Reply: jobs.Longest / 2})
	process := processID()
	d.heart = worker.NewHeart(st.db, worker.Process{ID: process, Host: st.host, Roles: set.Roles.Names()}, d.shareSMTP, log)
	d.worker, err = worker.New(worker.Deps{DB: st.db, Blobs: d.blobs, Mailboxes: d.mailboxes, Inbox: d.inbox, Outbox: d.outbox,
		Outages: outage.New(st.db, d.outbox, outage.Desk{Desk: d.letters(), Operator: set.OperatorAddress}),
		SMTP:    d.smtp, Metrics: d.metrics, Log: log}, d.workerSettings(process))
	if err != nil {
		return nil, errors.Join(err, st.close(ctx))
	}
	if d.numbers, err = d.listenForMetrics(); err != nil {
		return nil, errors.Join(err, st.close(ctx))
	}
	return d, nil
}

// letters is what letters say of the desk.
func (d *desk) letters() wording.Desk {
	return wording.Desk{Name: d.set.DeskName, Language: d.set.Language, TimeZone: d.set.TimeZone, Logo: d.set.LogoURL,
		Accent: d.set.AccentColor, Hours: d.set.Hours(), Wording: d.wording}
}

func (d *desk) rules() inbox.Rules {
	parsing := message.DefaultLimits()
	parsing.Total = int64(d.set.MaxEmailBytes)
	return inbox.Rules{Parsing: parsing, TicketsPerSender: d.set.TicketLimitAddress.Count, TicketWindow: d.set.TicketLimitAddress.Per,
		TicketsPerDomain: d.set.TicketLimitDomain.Count, DomainWindow: d.set.TicketLimitDomain.Per, AcksPerWindow: d.set.AckLimit.Count, AckWindow: d.set.AckLimit.Per, ReplyWait: d.set.ReplyWait, Zone: d.set.Location()}
}

func (d *desk) workerSettings(process string) worker.Settings {
	return worker.Settings{Process: process, Works: d.set.Roles.Has(config.RoleWorker), Watches: d.set.Roles.Has(config.RoleWatch), IngestWorkers: d.set.IngestWorkers, BatchMessages: d.set.FetchBatchMessages,
		BatchBytes: int64(d.set.FetchBatchBytes), MaxEmailBytes: int64(d.set.MaxEmailBytes), PollInterval: d.set.PollInterval,
		IdleSlice: d.set.IdleSlice, IMAP: mailbox.DefaultTimeouts(), RootCAs: d.roots, Drain: d.set.ShutdownDrain,
		LetterWorkers: worker.LetterWorkers(d.set.SMTPConnections), Keep: retention(d.set.Retention)}
}

func retention(s config.Retention) worker.Retention {
	return worker.Retention{RawEmailDays: s.RetainRawEmailDays, LetterDays: s.RetainLetterDays, AwaitedDays: s.RetainAwaitedDays,
		Keys: time.Duration(s.RetainKeyHours) * time.Hour, DoneJobs: time.Duration(s.RetainDoneJobHours) * time.Hour,
		LostJobs: time.Duration(s.RetainLostJobDays) * 24 * time.Hour}
}

// processID is unique among the processes of a desk.
func processID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	return host + "-" + strconv.Itoa(os.Getpid()) + "-" + uuid.NewString()[:8]
}

// start begins the roles that are configured.
func (d *desk) start(ctx context.Context) error {
	if err := d.heart.Start(ctx); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	d.beating.start(ctx, d.heart.Run)
	if d.set.Roles.Has(config.RoleWorker) || d.set.Roles.Has(config.RoleWatch) {
		if err := d.worker.Start(ctx); err != nil {
			return fmt.Errorf("start the queues: %w", err)
		}
	}
	if d.set.Roles.Has(config.RoleWatch) {
		d.watching.start(ctx, d.worker.Watch)
	}
	if d.web != nil && d.set.Roles.Has(config.RoleWeb) {
		if err := d.open(ctx); err != nil {
			return err
		}
	}
	if d.numbers != nil {
		d.numbers.start()
	}
	return nil
}

// open lets requests in.
func (d *desk) open(ctx context.Context) error {
	pages, end := context.WithCancel(context.WithoutCancel(ctx))
	d.endPages = end
	jobs, err := web.NewJobs(pages, d.store.db, d.log)
	if err != nil {
		return err
	}
	d.web.open(handler(d, jobs))
	return nil
}

// shareSMTP keeps what all processes together open to a mail server within the setting.
func (d *desk) shareSMTP(workers int) { d.smtp.Limit(d.set.SMTPConnections / workers) }

// background is something that runs beside the desk.
type background struct {
	running sync.WaitGroup
	end     context.CancelFunc
}

func (b *background) start(ctx context.Context, run func(context.Context)) {
	ctx, b.end = context.WithCancel(context.WithoutCancel(ctx))
	b.running.Go(func() { run(ctx) })
}

// stop waits until it has ended, where it was started.
func (b *background) stop() {
	if b.end != nil {
		b.end()
	}
	b.running.Wait()
}

// closeTime is for PostgreSQL's own end, where the desk runs it.
const closeTime = 10 * time.Second

// stop ends in the order in which work comes in: no more requests, no more news, then the jobs. Other processes
// take the mailboxes over while the last jobs here are done.
// Each has time of its own: a request that uses up the drain must not cost a letter its outcome.
func (d *desk) stop() error {
	var failures []error
	failures = append(failures, d.web.stop())
	if d.endPages != nil {
		d.endPages()
	}
	d.watching.stop()
	if d.set.Roles.Has(config.RoleWorker) || d.set.Roles.Has(config.RoleWatch) {
		failures = append(failures, d.worker.Stop(context.Background()))
	}
	d.beating.stop()
	d.smtp.Close()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	failures = append(failures, d.numbers.stop(), d.store.close(ctx))
	return errors.Join(failures...)
}

// wait returns when ctx ends, with an error when the desk cannot go on.
func (d *desk) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.store.ended():
		return fmt.Errorf("PostgreSQL ended: %w", d.store.postgres.Err())
	case err := <-d.web.failed():
		return err
	}
}
