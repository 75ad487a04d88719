package worker_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/postern-desk/postern/internal/mailboxes"
)

// oneLetter opens a ticket that owes the given letters alone: an acknowledgement to ann.
func oneLetter(t *testing.T, d *desk) {
	t.Helper()
	none := []string{}
	d.update(t, mailboxes.Fields{StaffAddresses: &none})
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "a", id: unique(), body: "x"})
	d.enqueue(t, pollOf(d))
	d.wantTickets(t, 20*time.Second, 1)
}

// letterIs waits until the one letter is in a state after so many attempts.
func (d *desk) letterIs(t *testing.T, state string, attempts int) {
	t.Helper()
	d.eventually(t, 20*time.Second, "the letter is "+state, "select state = $1 and attempts = $2 from letters", state, attempts)
}

// hurry lets the next attempt be due now.
func (d *desk) hurry(t *testing.T) {
	t.Helper()
	d.eventually(t, 10*time.Second, "the next attempt is planned", "select exists (select from river_job where kind = 'send_letter' and state in ('scheduled', 'available'))")
	d.exec(t, "update letters set next_attempt_at = now()")
	d.exec(t, "update river_job set scheduled_at = now(), state = 'available' where kind = 'send_letter' and state in ('scheduled', 'available')")
}

func refusal(code int, words string) error {
	return &gosmtp.SMTPError{Code: code, EnhancedCode: gosmtp.EnhancedCode{code / 100, 0, 0}, Message: words}
}

// at is a script that says something at one stage.
func at(stage string, err error) func(string) error {
	return func(s string) error {
		if s == stage {
			return err
		}
		return nil
	}
}

func TestLetterIsSentOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.work(t)
	oneLetter(t, d)
	d.letterIs(t, "sent", 1)
	letter := d.smtp.last()
	if letter.to != annAt || !strings.HasPrefix(letter.from, "support+b-") || letter.header.Get("Auto-Submitted") != "auto-replied" {
		t.Errorf("from %q to %q, Auto-Submitted %q", letter.from, letter.to, letter.header.Get("Auto-Submitted"))
	}
}

// A refusal for the moment is tried again, with the same bytes, and shows what the server said.
func TestLetterThatIsRefusedForTheMoment(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"rcpt", "data", "after"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.smtp.script(at(stage, refusal(451, "greylisted")))
			d.work(t)
			oneLetter(t, d)
			d.letterIs(t, "queued", 1)
			if said := one[string](t, d, "select last_code || ' ' || last_error from letters"); !strings.Contains(said, "451") || !strings.Contains(said, "greylisted") {
				t.Errorf("the letter says %q", said)
			}
			if wait := one[float64](t, d, "select extract(epoch from next_attempt_at - now())::float8 from letters"); wait < 1 || wait > 5 {
				t.Errorf("the next attempt is in %.1f s, want 5 at first", wait)
			}
			d.smtp.script(nil)
			d.hurry(t)
			d.letterIs(t, "sent", 2)
		})
	}
}

// A refusal for good is a failure that the record tells of, once, and nothing is tried again.
func TestLetterThatIsRefusedForGood(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.smtp.script(at("rcpt", refusal(550, "no such user")))
	d.work(t)
	oneLetter(t, d)
	d.letterIs(t, "failed", 1)
	d.quiet(t)
	if n := one[int](t, d, "select count(*) from audit_entries where kind = 'letter.failed'"); n != 1 {
		t.Errorf("%d entries say so", n)
	}
	if d.smtp.attempts() != 1 {
		t.Errorf("%d attempts", d.smtp.attempts())
	}
	if log := d.log.String(); strings.Contains(log, "ann@") || !strings.Contains(log, "a letter was not taken") {
		t.Errorf("the log should tell of the letter and not of its recipient:\n%s", log)
	}
}

// A letter that was handed over whole and never answered may have arrived: it is sent once more under
// the same Message-ID, and never a third time.
func TestLetterWhoseFateIsUnknown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.smtp.script(at("after", errHangUp))
	d.work(t)
	oneLetter(t, d)
	d.letterIs(t, "unknown", 1)
	if wait := one[float64](t, d, "select extract(epoch from next_attempt_at - now())::float8 from letters"); wait < 60 {
		t.Errorf("the second copy is due in %.0f s: too soon to see whether the first arrived", wait)
	}
	d.hurry(t)
	d.letterIs(t, "unknown", 2)
	d.quiet(t)
	d.exec(t, "update letters set next_attempt_at = now() - interval '1 hour'")
	n, err := d.outbox.Sweep(t.Context())
	must(t, err)
	if n != 0 || d.smtp.count() != 2 {
		t.Errorf("swept %d, %d copies; want none and 2", n, d.smtp.count())
	}
	ids := []string{d.smtp.letters[0].messageID(), d.smtp.letters[1].messageID()}
	if ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("two copies under %q", ids)
	}
}

// A letter without bytes cannot be sent, today or ever: it fails with a word, and no server hears of it.
func TestLetterWhoseBytesAreGone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.smtp.script(at("data", refusal(451, "later")))
	d.work(t)
	oneLetter(t, d)
	d.letterIs(t, "queued", 1)
	d.smtp.script(nil)
	d.exec(t, "delete from letter_bytes")
	d.hurry(t)
	d.letterIs(t, "failed", 2)
	if said := one[string](t, d, "select last_error from letters"); !strings.Contains(said, "bytes are gone") {
		t.Errorf("the letter says %q", said)
	}
	if n := one[int](t, d, "select count(*) from audit_entries where kind = 'letter.failed'"); n != 1 || d.smtp.attempts() != 1 {
		t.Errorf("%d entries say so, and the server was asked %d times", n, d.smtp.attempts())
	}
}

// A process that dies of a letter again and again does not send it for ever.
func TestLetterThatItsProcessDiesOf(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.smtp.script(at("data", refusal(451, "later")))
	d.work(t)
	oneLetter(t, d)
	d.letterIs(t, "queued", 1)
	d.smtp.script(nil)
	d.exec(t, "update letters set state = 'sending', unknowns = 1") // as a second death leaves it
	d.hurry(t)
	d.letterIs(t, "unknown", 1)
	d.quiet(t)
	if d.smtp.count() != 0 || !strings.Contains(d.log.String(), "may have arrived") {
		t.Errorf("%d copies; the log:\n%s", d.smtp.count(), d.log)
	}
}

// A mail server that is not there is no fault of the letter.
func TestLetterWhoseServerIsAway(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	post := server(t, "127.0.0.1:1")
	d.update(t, mailboxes.Fields{SMTP: &post})
	d.work(t)
	oneLetter(t, d)
	d.letterIs(t, "queued", 1)
	back := server(t, d.smtp.addr)
	d.update(t, mailboxes.Fields{SMTP: &back})
	time.Sleep(2500 * time.Millisecond) // the login is kept for two seconds
	d.hurry(t)
	d.letterIs(t, "sent", 2)
}

// A wrong password is not tried again by every letter: that is how accounts get locked.
func TestRefusedLoginIsLeftAlone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.smtp.script(at("login", refusal(535, "wrong password")))
	post := server(t, d.smtp.addr)
	post.Username = "support"
	d.update(t, mailboxes.Fields{SMTP: &post})
	d.work(t)
	oneLetter(t, d)
	d.letterIs(t, "queued", 1)
	d.hurry(t)
	d.letterIs(t, "queued", 2)
	if n := d.smtp.loginsTried(); n != 1 {
		t.Errorf("%d logins for two attempts, want 1", n)
	}
}

// A stop waits for a letter on its way, takes no new one, and leaves nothing undone behind.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	reached, release := make(chan struct{}, 8), make(chan struct{})
	d.smtp.script(func(stage string) error {
		if stage == "after" {
			reached <- struct{}{}
			<-release
		}
		return nil
	})
	w, _ := d.process(t)
	must(t, w.Start(t.Context()))
	oneLetter(t, d)
	<-reached
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop(t, w)
	}()
	select {
	case <-stopped:
		t.Error("the stop did not wait for the letter")
	case <-time.After(500 * time.Millisecond):
	}
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "too late", id: unique(), body: "x"})
	d.enqueue(t, pollOf(d))
	close(release)
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Fatal("the stop does not end although the letter is gone")
	}
	if got := column[string](t, d, "select state from letters"); !slices.Equal(got, []string{"sent"}) {
		t.Errorf("letters %v; want the first one sent and nothing new", got)
	}
	if n := one[int](t, d, "select count(*) from river_job where state = 'running'"); n != 0 {
		t.Errorf("%d jobs are still marked as running", n)
	}
}

// A stop that has waited long enough cancels what is left. The letter's fate is written down all the
// same, and the next process goes on.
func TestStopCancelsAfterTheDrain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.Drain = 300 * time.Millisecond
	reached, release := make(chan struct{}, 8), make(chan struct{})
	d.smtp.script(func(stage string) error {
		if stage == "after" {
			reached <- struct{}{}
			<-release
		}
		return nil
	})
	w, _ := d.process(t)
	must(t, w.Start(t.Context()))
	oneLetter(t, d)
	<-reached
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if got := one[string](t, d, "select state from letters"); got != "unknown" {
		t.Errorf("the letter is %s; a server has all of it and did not answer: that is unknown", got)
	}
	close(release)
	d.smtp.script(nil)
	d.work(t)
	d.hurry(t)
	d.letterIs(t, "sent", 2)
}
