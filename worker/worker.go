// Package worker is the door by which jobs come in: it decodes, calls and translates.
package worker

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/metrics"
	"github.com/postern-desk/postern/internal/outage"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/smtp"
)

// Deps is what the workers call.
type Deps struct {
	DB        *db.DB
	Blobs     *blob.Store
	Mailboxes *mailboxes.Service
	Inbox     *inbox.Service
	Outbox    *outbox.Outbox
	Outages   *outage.Service
	SMTP      *smtp.Pool
	Metrics   *metrics.Process // nil: nothing is counted
	Log       *slog.Logger
}

// Settings are the numbers that an operator may set.
type Settings struct {
	Process       string // id of this process, unique
	Works         bool   // it works the queues of the desk
	Watches       bool   // it works the polls of the mailboxes that it watches
	IngestWorkers int
	BatchMessages int
	BatchBytes    int64
	MaxEmailBytes int64
	PollInterval  time.Duration
	IdleSlice     time.Duration
	IMAP          mailbox.Timeouts
	RootCAs       *x509.CertPool // trusted for mail servers; nil: the system's
	Drain         time.Duration
	LetterWorkers int
	Keep          Retention
}

// Retention is how long things are kept that are purged; what has no period is kept for ever.
type Retention struct {
	RawEmailDays, LetterDays, AwaitedDays int
	Keys                                  time.Duration // answers to Idempotency-Keys
	DoneJobs, LostJobs                    time.Duration // zero: the queue's own defaults
}

// Worker works the queues of one process.
type Worker struct {
	deps   Deps
	set    Settings
	client *river.Client[pgx.Tx]
	post   *postRoom
	inHand *inHand
	retire context.CancelFunc // ends what Start began beside the queues
}

// inboundWorkers is more than the emails routed at once; watchWorkers more than are read at once: polls of silent
// servers hold a place too.
const (
	inboundWorkers = 64
	watchWorkers   = 64
)

// New makes a worker that is not started.
func New(d Deps, s Settings) (*Worker, error) {
	w := &Worker{deps: d, set: s, post: newPostRoom(d, s), inHand: &inHand{}, retire: func() {}}
	client, err := river.NewClient(riverpgxv5.New(d.DB.Pool()), &river.Config{
		ID:                   s.Process,
		Workers:              w.workers(),
		Logger:               quiet(d.Log),
		Queues:               s.queues(),
		FetchPollInterval:    250 * time.Millisecond, // for a job whose notice was held back beside another's
		JobTimeout:           jobs.Longest,
		RescueStuckJobsAfter: jobs.Longest + 5*time.Minute, // dead processes are found by their heartbeat long before
		RetryPolicy:          retries{},
		Middleware:           middleware(d, w.inHand),

		CompletedJobRetentionPeriod: s.Keep.DoneJobs,
		CancelledJobRetentionPeriod: s.Keep.LostJobs,
		DiscardedJobRetentionPeriod: s.Keep.LostJobs,
		PeriodicJobs:                periodic(),
	})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	w.client = client
	return w, nil
}

// queues are those that the process's roles work.
func (s Settings) queues() map[string]river.QueueConfig {
	const cooldown = 5 * time.Millisecond // the default of 100 ms caps a queue at ten fetches a second
	all := map[string]river.QueueConfig{}
	if s.Works {
		all[jobs.Inbound] = river.QueueConfig{MaxWorkers: inboundWorkers, FetchCooldown: cooldown}
		all[jobs.Letters] = river.QueueConfig{MaxWorkers: s.LetterWorkers, FetchCooldown: cooldown}
		all[jobs.Webhooks] = river.QueueConfig{MaxWorkers: 16, FetchCooldown: cooldown}
		all[jobs.Upkeep] = river.QueueConfig{MaxWorkers: 4}
	}
	if s.Watches {
		all[jobs.WatchQueue(s.Process)] = river.QueueConfig{MaxWorkers: watchWorkers, FetchCooldown: cooldown}
	}
	return all
}

func middleware(d Deps, h *inHand) []rivertype.Middleware {
	if d.Metrics == nil {
		return []rivertype.Middleware{h}
	}
	return []rivertype.Middleware{h, &measure{metrics: d.Metrics}}
}

// workers has one worker for every kind of jobs.All.
func (w *Worker) workers() *river.Workers {
	all := river.NewWorkers()
	river.AddWorker(all, &pollMailbox{post: w.post})
	river.AddWorker(all, &tidyMailbox{post: w.post})
	river.AddWorker(all, &compareMailboxes{inbox: w.deps.Inbox})
	river.AddWorker(all, &compareMailbox{post: w.post, slots: make(chan struct{}, compareAtOnce)})
	river.AddWorker(all, &ingestEmails{inbox: w.deps.Inbox, slots: make(chan struct{}, max(1, w.set.IngestWorkers))})
	river.AddWorker(all, &sendLetter{outbox: w.deps.Outbox, post: w.post, pool: w.deps.SMTP, log: w.deps.Log})
	river.AddWorker(all, &sweepInbox{inbox: w.deps.Inbox, log: w.deps.Log})
	river.AddWorker(all, &sweepLetters{outbox: w.deps.Outbox, log: w.deps.Log})
	river.AddWorker(all, &purge{deps: w.deps, set: w.set})
	return all
}

func periodic() []*river.PeriodicJob {
	every := func(d time.Duration, args river.JobArgs) *river.PeriodicJob {
		return river.NewPeriodicJob(river.PeriodicInterval(d), func() (river.JobArgs, *river.InsertOpts) { return args, nil },
			&river.PeriodicJobOpts{RunOnStart: true})
	}
	return []*river.PeriodicJob{
		every(time.Minute, jobs.SweepInbox{}),
		every(time.Minute, jobs.SweepLetters{}),
		every(time.Hour, jobs.CompareMailboxes{}),
		every(6*time.Hour, jobs.Purge{}),
	}
}

// Start begins to work; ctx bounds only the start.
func (w *Worker) Start(ctx context.Context) error {
	lasting := context.WithoutCancel(ctx)
	if err := w.client.Start(lasting); err != nil {
		return err
	}
	lasting, cancel := context.WithCancel(lasting)
	var strays sync.WaitGroup
	strays.Go(func() { w.inHand.returnStrays(lasting, w.deps.DB, w.set.Process, w.deps.Log) })
	w.retire = func() {
		cancel()
		strays.Wait()
	}
	return nil
}

// Stop takes no more jobs, lets the running ones finish, and cancels those that do not within the drain
// time, or before ctx ends: the queue gives them to somebody again. Cancelled jobs have StopTime beyond that,
// whatever became of ctx: a letter whose server has just taken it would be sent again.
func (w *Worker) Stop(ctx context.Context) error {
	w.retire() // at the end the jobs that are cut off go back by themselves
	drain, cancel := context.WithTimeout(ctx, w.set.Drain)
	defer cancel()
	err := w.client.Stop(drain)
	if err != nil && drain.Err() != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTime)
		defer cancel()
		err = w.client.StopAndCancel(last)
	}
	w.post.close()
	return err
}

// retries are quick at first, since most failures are a restart of the database, then a minute apart.
type retries struct{}

// NextRetry is when a failed job is tried again.
func (retries) NextRetry(job *riverJob) time.Time {
	pause := time.Duration(job.Attempt*job.Attempt) * time.Second
	return time.Now().Add(min(pause, time.Minute))
}
