package worker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/mailbox"
)

// holds is what a folder of the desk's user has on Dovecot, as "subject", "subject seen".
func (d *desk) holds(t *testing.T, folder string) (n int, seen int) {
	t.Helper()
	at := server(t, dovecot.Addr())
	_, password := dovecot.NewUser("any") // one password opens all
	s, err := mailbox.Dial(t.Context(), mailbox.Account{Host: at.Host, Port: at.Port, Security: mailbox.SecurityNone, Username: d.user, Password: password}, mailbox.Timeouts{})
	must(t, err)
	defer s.Close()
	_, err = s.Open(t.Context(), folder)
	must(t, err)
	must(t, s.List(t.Context(), 1, 0, func(m mailbox.Meta) error {
		if n++; slices.Contains(m.Flags, "\\Seen") {
			seen++
		}
		return nil
	}))
	return n, seen
}

// tidied polls until the ledger says that nothing is left to tidy and its job is over.
func (d *desk) tidied(t *testing.T) {
	t.Helper()
	waitFor(t, 20*time.Second, "everything is tidied", func() bool {
		d.poll(t)
		return one[bool](t, d, `select not exists (select from inbound_emails where untidied) and
			not exists (select from river_job where kind = 'tidy_mailbox' and state in ('available', 'running'))`)
	})
}

func after(d *desk, t *testing.T, what, folder string) {
	t.Helper()
	d.update(t, mailboxes.Fields{After: &what, AfterFolder: &folder})
}

// What happened before the setting was made, and what is from before the start, stays as it is.
func TestEmailsAreMarkedOnceTheyAreRouted(t *testing.T) {
	t.Parallel()
	d := newDeskFrom(t, mailboxes.FromNow)
	d.work(t)
	d.put(t, email{from: ann, subject: "before the setting", id: unique(), body: "x"})
	after(d, t, mailboxes.AfterSeen, "")
	time.Sleep(2100 * time.Millisecond) // a login is kept for two seconds
	d.exec(t, "update mailbox_folders set start_below = 100")
	d.deliver(t, "INBOX", lastYear, email{from: ann, subject: "before the start", id: unique(), body: "x"})
	d.put(t, email{from: ann, subject: "one", id: unique(), body: "x"}, email{from: ann, subject: "two", id: unique(), body: "x"})
	d.tidied(t)
	if n, seen := d.holds(t, "INBOX"); n != 4 || seen != 2 {
		t.Errorf("%d emails, %d of them read; want 4 and 2", n, seen)
	}
	d.expect(t, "opened 1", "before_start -", "opened 2", "opened 3")
}

// Tried: with MOVE, with UIDPLUS only, with neither, and with no folder to move to.
func TestEmailsAreMovedOnceTheyAreRouted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lacks []string
		to    string
		moved int
		says  string
	}{
		"by MOVE":        {nil, "Done", 2, ""},
		"by UIDPLUS":     {[]string{"MOVE"}, "Done", 2, ""},
		"not at all":     {[]string{"MOVE", "UIDPLUS"}, "Done", 0, "neither MOVE nor UIDPLUS"},
		"no such folder": {nil, "Nowhere", 0, "no such folder to move"},
		"nor by a copy":  {[]string{"MOVE"}, "Nowhere", 0, "no such folder to move"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.deliver(t, "Done", time.Now(), email{from: ann, subject: "done", id: unique(), body: "x"})
			d.readThrough(t, without(t, dovecot.Addr(), c.lacks...))
			after(d, t, mailboxes.AfterMove, c.to)
			d.work(t)
			d.put(t, email{from: ann, subject: "one", id: unique(), body: "x"}, email{from: ann, subject: "two", id: unique(), body: "x"})
			if c.says == "" {
				d.tidied(t)
			} else {
				d.poll(t)
				waitFor(t, 10*time.Second, "the log says why", func() bool { return strings.Contains(d.log.String(), c.says) })
			}
			here, _ := d.holds(t, "INBOX")
			if there, _ := d.holds(t, "Done"); here != 2-c.moved || there != 1+c.moved {
				t.Errorf("%d emails here and %d there", here, there)
			}
			d.put(t, email{from: ann, subject: "three", id: unique(), body: "x"})
			d.expect(t, "opened 1", "opened 2", "opened 3")
		})
	}
}

// UIDs of another UIDVALIDITY mean nothing any more: they are given up, and the email is moved under its new one.
func TestUIDsOfAnotherUIDValidityAreGivenUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	after(d, t, mailboxes.AfterMove, "Done")
	w, _ := d.process(t)
	must(t, w.Start(t.Context()))
	d.deliver(t, "Done", time.Now(), email{from: ann, subject: "done", id: unique(), body: "x"})
	d.put(t, email{from: ann, subject: "one", id: unique(), body: "x"})
	stop(t, w)
	d.exec(t, "update mailbox_folders set uidvalidity = uidvalidity + 1, generation = 0, last_uid = 0")
	d.exec(t, "delete from river_job")
	if n, _ := d.holds(t, "INBOX"); n != 1 || !one[bool](t, d, "select untidied from inbound_emails") {
		t.Fatal("it was moved before; nothing was tried")
	}
	d.work(t)
	d.tidied(t)
	if n, _ := d.holds(t, "Done"); n != 2 {
		t.Errorf("%d emails are done, want both", n)
	}
	if got := d.ledger(t); len(got) != 2 || got[1] != "duplicate 1" {
		t.Errorf("the ledger says %v", got)
	}
}
