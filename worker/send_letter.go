package worker

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/smtp"
)

type sendLetter struct {
	river.WorkerDefaults[jobs.SendLetter]
	outbox *outbox.Outbox
	post   *postRoom
	pool   *smtp.Pool
	log    *slog.Logger
}

// settleTime bounds how long the outcome of an attempt is tried to be written after the job was told to
// stop: it is what keeps a letter from being sent twice.
const (
	settleTime  = 30 * time.Second
	settlePause = 250 * time.Millisecond
)

// LetterWorkers is how many letters are worked on at once where each mail account has so many connections:
// while one is being sent, others are claimed and settled, several in one transaction.
func LetterWorkers(connections int) int { return min(200, max(32, 8*connections)) }

// Work makes one attempt to hand a letter over.
func (w *sendLetter) Work(ctx context.Context, job *river.Job[jobs.SendLetter]) error {
	id, err := uuid.Parse(job.Args.LetterID)
	if err != nil {
		return river.JobCancel(fmt.Errorf("letter id: %w", err))
	}
	attempt, wait, ok, err := w.outbox.Claim(ctx, id)
	if err != nil {
		return verdict(err)
	}
	if !ok && attempt.Letter.State == outbox.Unknown {
		w.log.Warn("a letter may have arrived: the program ended while it was sending it", "letter", id, "attempt", attempt.Letter.Attempts, "again_in", wait)
	}
	if wait > 0 {
		return river.JobSnooze(wait)
	}
	if !ok {
		return nil
	}
	report := w.attempt(ctx, attempt)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	again, err := w.settle(ctx, attempt.Letter, report)
	if err != nil {
		return verdict(err)
	}
	if report.Outcome != string(smtp.Accepted) {
		w.log.Warn("a letter was not taken", "letter", id, "outcome", report.Outcome, "code", report.Code, "attempt", attempt.Letter.Attempts, "again_in", again)
	}
	if again > 0 {
		return river.JobSnooze(again)
	}
	return nil
}

// settle writes the outcome down; while the database is away it tries again, since what is not written down
// is sent once more.
func (w *sendLetter) settle(ctx context.Context, l outbox.Letter, r outbox.Report) (again time.Duration, err error) {
	for {
		again, err = w.outbox.Settle(ctx, l, r)
		if err == nil || fault.As(err) != nil {
			return again, err
		}
		select {
		case <-ctx.Done():
			return again, err
		case <-time.After(settlePause):
		}
	}
}

func (w *sendLetter) attempt(ctx context.Context, a outbox.Attempt) outbox.Report {
	if a.Flaw != "" {
		return outbox.Report{Outcome: string(smtp.Permanent), Text: a.Flaw}
	}
	l, err := w.post.accounts.get(ctx, a.Letter.MailboxID)
	if err != nil {
		return outbox.Report{Outcome: string(smtp.Temporary), Text: "the mailbox's login could not be read"}
	}
	account := SMTPAccount(l.box, l.secrets, l.roots)
	if w.post.accounts.isRefused(account) {
		return outbox.Report{Outcome: string(smtp.Temporary), Text: "the mail server did not take the login a moment ago"}
	}
	r := w.pool.Send(ctx, account, smtp.Envelope{From: a.EnvelopeFrom, To: a.Letter.Recipients}, bytes.NewReader(a.Raw))
	switch {
	case ctx.Err() != nil:
	case r.Outcome == smtp.Temporary && beforeLogin(r.Stage):
		w.post.accounts.refuse(account)
		w.post.failed(ctx, l.box, mailboxes.SMTP, smtpTrouble(r))
	default:
		w.post.worked(ctx, l.box, mailboxes.SMTP)
	}
	report := outbox.Report{Outcome: string(r.Outcome), Code: r.Code, Text: r.Text}
	if report.Text == "" && len(r.Rejected) > 0 {
		report.Code, report.Text = r.Rejected[0].Code, r.Rejected[0].Text
	}
	return report
}

// beforeLogin reports the stages at which the fault lies with the server or the account: every other letter
// would meet it too, and hold a worker while it waits for it.
func beforeLogin(s smtp.Stage) bool {
	switch s {
	case smtp.StageConnect, smtp.StageGreeting, smtp.StageHello, smtp.StageTLS, smtp.StageAuth:
		return true
	}
	return false
}
