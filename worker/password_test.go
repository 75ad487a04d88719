package worker_test

import (
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
)

// Tried: a mailbox whose passwords are both wrong, at a real Dovecot and a real SMTP server, in a process that watches
// it. The back-off after a refused login is half a minute, the next poll a minute away, the letter's next attempt an
// hour: the right passwords end all three, and nobody restarts anything.
func TestNewPasswordTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.smtp.takes("right at last")
	user, right := dovecot.NewUser("desk")
	imap, post, wrong := server(t, dovecot.Addr()), server(t, d.smtp.addr), "wrong"
	imap.Username, post.Username = user, "support"
	d.user = user
	d.update(t, mailboxes.Fields{IMAP: &imap, SMTP: &post, IMAPPassword: &wrong, SMTPPassword: &wrong})
	watch(t, d.work(t))
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "waits", id: unique(), body: "x"})
	l := d.queue(t, "Hello")
	for _, side := range []string{mailboxes.IMAP, mailboxes.SMTP} {
		d.eventually(t, 20*time.Second, side+" refuses the login", "select exists (select from mailbox_outages where side = $1 and reason = 'login_refused')", side)
	}
	d.eventually(t, 10*time.Second, "the letter is put off", "select state = 'queued' and attempts > 0 from letters where id = $1", l.ID)
	d.putOffFor(t, "1 hour")
	again, smtpRight := right, "right at last"
	began := time.Now()
	d.update(t, mailboxes.Fields{IMAPPassword: &again, SMTPPassword: &smtpRight})
	d.wantTickets(t, 10*time.Second, 1)
	d.letterBecomes(t, l, "sent")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	d.eventually(t, 10*time.Second, "both servers are well", "select not exists (select from mailbox_outages)")
}

// putOffFor makes every letter that waits, and its job, wait that long.
func (d *desk) putOffFor(t *testing.T, wait string) {
	t.Helper()
	d.eventually(t, 10*time.Second, "the next attempt is planned", "select exists (select from river_job where kind = 'send_letter' and state in ('scheduled', 'available'))")
	d.exec(t, "update letters set next_attempt_at = now() + $1::interval where state = 'queued'", wait)
	d.exec(t, "update river_job set scheduled_at = now() + $1::interval, state = 'scheduled' where kind = 'send_letter' and state in ('scheduled', 'available')", wait)
}
