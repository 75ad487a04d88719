package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
)

// Tried: a mailbox with a wrong password for reading, told of once it has lasted, and then the right one.
func TestMailboxThatCannotBeReadIsToldAndRecovers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.PollInterval = time.Second
	wrong := "wrong"
	_, right := dovecot.NewUser("x")
	d.update(t, mailboxes.Fields{IMAPPassword: &wrong})
	watch(t, d.work(t))
	d.eventually(t, 20*time.Second, "the failure is noted", `select exists (select from mailbox_outages where side = 'imap' and reason = 'login_refused' and told_at is null)`)
	d.urls.Fixture(t, `update mailbox_outages set since = since - interval '1 hour', failures = 2`)
	d.update(t, mailboxes.Fields{IMAPPassword: &wrong}) // tried again at once
	d.eventually(t, 30*time.Second, "staff are written to", `select exists (select from letters where kind = 'outage' and recipients = '{staff@team.example}')`)
	d.update(t, mailboxes.Fields{IMAPPassword: &right})
	d.eventually(t, 30*time.Second, "it works again", `select not exists (select from mailbox_outages)
		and 1 = (select count(*) from audit_entries where kind = 'mailbox.recovered') and 1 = (select count(*) from audit_entries where kind = 'mailbox.failing')`)
	if detail := one[string](t, d, `select detail::text from audit_entries where kind = 'mailbox.failing'`); strings.Contains(detail, wrong) {
		t.Errorf("the audit entry tells the password: %s", detail)
	}
}

// Tried: a server for letters that refuses the login, and takes it later.
func TestMailboxThatCannotSendIsNotedAndRecovers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	closed := server(t, "127.0.0.1:1")
	open := d.box.SMTP
	d.update(t, mailboxes.Fields{SMTP: &closed})
	watch(t, d.work(t))
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "first", id: unique(), body: "x"})
	d.eventually(t, 20*time.Second, "the failure is noted", `select exists (select from mailbox_outages where side = 'smtp' and reason = 'unreachable' and detail <> '')`)
	d.update(t, mailboxes.Fields{SMTP: &open})
	d.eventually(t, 40*time.Second, "it works again", `select not exists (select from mailbox_outages)`)
	if n := one[int](t, d, `select count(*) from audit_entries where kind in ('mailbox.failing', 'mailbox.recovered')`); n != 0 {
		t.Errorf("people were told %d times of a short outage", n)
	}
}
