package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outage"
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

// StopTime is how long cancelled jobs may take to end: the outcomes of letters are written down in it.
const StopTime = settleTime

// slotPatience bounds the wait for a connection: a job whose server is slow makes room for others' letters.
const slotPatience = time.Minute

// LetterWorkers is how many letters are worked on at once where each mail account has so many connections:
// while some are being sent, others are looked up and settled, several in one transaction.
func LetterWorkers(connections int) int { return min(200, max(32, 8*connections)) }

// turnTrust is how long after its claim a letter is surely this process's: half of the silence after which a process
// counts as dead.
const turnTrust = deadAfter / 2

// Work makes one attempt to hand a letter over. The letter is claimed once it has a connection or is the next for
// one, so that no connection waits for the database: one that only waits is nobody's doubt when this process dies,
// and its bytes are not read yet.
func (w *sendLetter) Work(ctx context.Context, job *river.Job[jobs.SendLetter]) error {
	id, err := uuid.Parse(job.Args.LetterID)
	if err != nil {
		return river.JobCancel(fmt.Errorf("letter id: %w", err))
	}
	letter, wait, ok, err := w.outbox.Look(ctx, id)
	if err != nil {
		return verdict(err)
	}
	if !ok {
		return snooze(wait)
	}
	way := w.wayOf(ctx, letter.MailboxID)
	if way.hindered == "" {
		if way.slot, err = w.reserve(ctx, way.account); err != nil {
			return river.JobSnooze(time.Second)
		}
		defer way.slot.Release()
		way.hindered = w.refusal(way.account) // one of those before it may have met it
	}
	began := time.Now()
	attempt, wait, ok, err := w.outbox.Claim(ctx, letter)
	if err != nil {
		return verdict(err)
	}
	if !ok && attempt.Letter.State == outbox.Unknown {
		w.log.Warn("a letter may have arrived: the program ended while it was sending it", "letter", id, "attempt", attempt.Letter.Attempts, "again_in", wait)
	}
	if !ok {
		return snooze(wait)
	}
	attempt, report := w.prepare(ctx, way, attempt)
	if report == nil {
		if err := w.turn(ctx, way.slot, attempt.Letter, began); err != nil {
			return w.giveBack(ctx, attempt.Letter)
		}
		if report = w.attempt(ctx, way, attempt); report == nil {
			return w.giveBack(ctx, attempt.Letter)
		}
	}
	way.slot.Release() // the next letter need not wait for the database
	return w.conclude(ctx, attempt.Letter, *report)
}

// turn waits for the letter's connection. After a long wait somebody may have taken this process for dead, and be
// sending the letter: then it is not this process's any more.
func (w *sendLetter) turn(ctx context.Context, slot *smtp.Slot, l outbox.Letter, claimed time.Time) error {
	waiting, cancel := context.WithTimeout(ctx, slotPatience)
	defer cancel()
	if err := slot.Turn(waiting); err != nil || time.Since(claimed) < turnTrust {
		return err
	}
	holds, err := w.outbox.Holds(ctx, l)
	if err == nil && !holds {
		err = outbox.ErrOvertaken
	}
	return err
}

// giveBack leaves the letter as it was before its claim; no server has heard of it.
func (w *sendLetter) giveBack(ctx context.Context, l outbox.Letter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := w.outbox.GiveBack(ctx, l); err != nil {
		return verdict(err)
	}
	return river.JobSnooze(time.Second)
}

// snooze puts the job off; no time at all ends it.
func snooze(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	return river.JobSnooze(d)
}

func (w *sendLetter) reserve(ctx context.Context, a smtp.Account) (*smtp.Slot, error) {
	ctx, cancel := context.WithTimeout(ctx, slotPatience)
	defer cancel()
	return w.pool.Reserve(ctx, a)
}

// conclude writes down what became of the attempt.
func (w *sendLetter) conclude(ctx context.Context, l outbox.Letter, report outbox.Report) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	again, err := w.settle(ctx, l, report)
	if errors.Is(err, outbox.ErrOvertaken) {
		w.log.Warn("the outcome of an attempt came too late", "letter", l.ID, "outcome", report.Outcome, "code", report.Code, "attempt", l.Attempts)
		return nil
	}
	if err != nil {
		return verdict(err)
	}
	if report.Outcome != string(smtp.Accepted) {
		w.log.Warn("a letter was not taken", "letter", l.ID, "outcome", report.Outcome, "code", report.Code, "attempt", l.Attempts, "again_in", again)
	}
	return snooze(again)
}

// settle writes the outcome down; while the database is away it tries again, since what is not written down
// is sent once more.
func (w *sendLetter) settle(ctx context.Context, l outbox.Letter, r outbox.Report) (again time.Duration, err error) {
	for {
		again, err = w.outbox.Settle(ctx, l, r)
		if err == nil || fault.As(err) != nil || errors.Is(err, outbox.ErrOvertaken) {
			return again, err
		}
		select {
		case <-ctx.Done():
			return again, err
		case <-time.After(settlePause):
		}
	}
}

// way is how a mailbox's letters go out now.
type way struct {
	login    login
	account  smtp.Account
	hindered string     // why they cannot
	slot     *smtp.Slot // nil while it has none
}

func (w *sendLetter) wayOf(ctx context.Context, mailbox uuid.UUID) way {
	l, err := w.post.accounts.get(ctx, mailbox)
	if err != nil {
		return way{hindered: "the mailbox's login could not be read"}
	}
	out := way{login: l, account: SMTPAccount(l.box, l.secrets, l.roots)}
	switch {
	case l.refusal != nil:
		w.post.failed(ctx, l.box, mailboxes.SMTP, tokenTrouble(l.refusal))
		out.hindered = l.refusal.Error()
		return out
	case l.keyless != nil:
		// Where the domain's policy asks for signatures, unsigned letters are lost (RFC 7489 section 6.3).
		w.post.failed(ctx, l.box, mailboxes.SMTP, outage.Trouble{Reason: outage.NoKey, Detail: l.keyless.Error()})
		out.hindered = "the letter is to be signed: " + l.keyless.Error()
		return out
	}
	out.hindered = w.refusal(out.account)
	return out
}

func (w *sendLetter) refusal(a smtp.Account) string {
	if w.post.accounts.isRefused(a) {
		return "the mail server did not take the login a moment ago"
	}
	return ""
}

// prepare makes a claimed letter ready to be sent; a report says why it cannot be.
func (w *sendLetter) prepare(ctx context.Context, by way, a outbox.Attempt) (outbox.Attempt, *outbox.Report) {
	if a.Flaw != "" {
		return a, &outbox.Report{Outcome: string(smtp.Permanent), Text: a.Flaw}
	}
	if by.hindered != "" {
		return a, &outbox.Report{Outcome: string(smtp.Temporary), Text: by.hindered}
	}
	a, err := w.signed(ctx, by, a)
	if err != nil {
		return a, &outbox.Report{Outcome: string(smtp.Temporary), Text: err.Error()}
	}
	return a, nil
}

// attempt is nil where the job was stopped before a server heard of the letter.
func (w *sendLetter) attempt(ctx context.Context, by way, a outbox.Attempt) *outbox.Report {
	if hindered := w.refusal(by.account); hindered != "" { // one of those before it met it while this one waited
		return &outbox.Report{Outcome: string(smtp.Temporary), Text: hindered}
	}
	r := by.slot.Send(ctx, smtp.Envelope{From: a.EnvelopeFrom, To: a.Letter.Recipients}, bytes.NewReader(a.Raw))
	switch {
	case ctx.Err() != nil && r.Outcome == smtp.Temporary && beforeLogin(r.Stage):
		return nil
	case ctx.Err() != nil:
	case r.Outcome == smtp.Temporary && beforeLogin(r.Stage):
		w.post.accounts.refuse(by.account)
		by.login.judge(r.Stage == smtp.StageAuth)
		w.post.failed(ctx, by.login.box, mailboxes.SMTP, smtpTrouble(r))
	default:
		w.post.worked(ctx, by.login.box, mailboxes.SMTP)
	}
	report := &outbox.Report{Outcome: string(r.Outcome), Code: r.Code, Text: r.Text}
	if report.Text == "" && len(r.Rejected) > 0 {
		report.Code, report.Text = r.Rejected[0].Code, r.Rejected[0].Text
	}
	return report
}

// signed puts the signature above the letter at its first attempt. It is stored before a server hears of it, so
// that every later attempt sends the same bytes, whatever became of the key.
func (w *sendLetter) signed(ctx context.Context, by way, a outbox.Attempt) (outbox.Attempt, error) {
	if by.login.key == nil || !a.MaySign() {
		return a, nil
	}
	field, err := by.login.key.Sign(a.Raw)
	if err != nil {
		return a, err
	}
	return w.outbox.KeepSignature(ctx, a, field)
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
