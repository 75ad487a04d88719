package worker_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/faultproxy"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/worker"
)

// readThrough makes the desk's mailbox be read at another address: through a proxy.
func (d *desk) readThrough(t *testing.T, addr string) {
	t.Helper()
	imap := server(t, addr)
	imap.Username = d.user
	d.update(t, mailboxes.Fields{IMAP: &imap})
}

func (d *desk) wantTickets(t *testing.T, within time.Duration, n int) {
	t.Helper()
	d.eventually(t, within, fmt.Sprintf("there are %d tickets", n), "select count(*) = $1 from tickets", n)
}

// watched is a desk that is watched and asked again only after an hour, so that nothing but a notice can
// bring an email in.
func watched(t *testing.T) *desk {
	d := newDesk(t)
	d.set.PollInterval = time.Hour
	return d
}

// idling waits until a first email came in and the watcher has nothing to do but to wait for notices.
func (d *desk) idling(t *testing.T) {
	t.Helper()
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "first", id: unique(), body: "x"})
	d.wantTickets(t, 20*time.Second, 1)
	time.Sleep(3 * time.Second) // the last repetition of the notice
	d.quiet(t)
}

func TestNewEmailIsSeenByIdle(t *testing.T) {
	t.Parallel()
	d := watched(t)
	watch(t, d.work(t))
	d.idling(t)
	for n := 2; n <= 4; n++ {
		began := time.Now()
		d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "again", id: unique(), body: "x"})
		d.wantTickets(t, 2*time.Second, n)
		t.Logf("a ticket after %s", time.Since(began).Round(time.Millisecond))
	}
}

// A server that has no IDLE is asked at every interval.
func TestNewEmailIsSeenByPollingWhereThereIsNoIdle(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.PollInterval = time.Second
	d.readThrough(t, without(t, dovecot.Addr(), "IDLE"))
	watch(t, d.work(t))
	d.idling(t)
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "second", id: unique(), body: "x"})
	d.wantTickets(t, 5*time.Second, 2)
	if log := d.log.String(); strings.Contains(log, "interrupted") {
		t.Errorf("a server without IDLE is no failure:\n%s", log)
	}
}

// without passes IMAP on, with words of the same length in the place of what the server can do.
func without(t *testing.T, target string, words ...string) string {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listen.Close() })
	pass := func(from, to net.Conn) {
		defer to.Close()
		piece := make([]byte, 32<<10)
		for {
			n, err := from.Read(piece)
			if err != nil {
				return
			}
			said := piece[:n]
			for _, word := range words {
				said = bytes.ReplaceAll(said, []byte(" "+word), []byte(" X"+word[1:]))
			}
			if _, err := to.Write(said); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := listen.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			go pass(client, server)
			go pass(server, client)
		}
	}()
	return listen.Addr().String()
}

// A notice that comes while a poll is writing to the database is not lost, although only one poll of a
// mailbox may be queued.
func TestNoticeDuringAPollIsNotLost(t *testing.T) {
	t.Parallel()
	d := watched(t)
	watch(t, d.work(t))
	d.idling(t)
	hold, err := d.look.Begin(t.Context())
	must(t, err)
	_, err = hold.Exec(t.Context(), "select from mailbox_folders for update")
	must(t, err)
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "held up", id: unique(), body: "x"})
	d.eventually(t, 10*time.Second, "the poll waits for the folder's row",
		"select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')")
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "during the poll", id: unique(), body: "x"})
	time.Sleep(4 * time.Second) // longer than the notice is repeated
	must(t, hold.Rollback(t.Context()))
	d.wantTickets(t, 5*time.Second, 3)
}

func TestPausedMailboxIsNotReadUntilItIsResumed(t *testing.T) {
	t.Parallel()
	d := watched(t)
	watch(t, d.work(t))
	d.idling(t)
	yes, no := true, false
	d.update(t, mailboxes.Fields{Paused: &yes})
	time.Sleep(2500 * time.Millisecond) // the watcher looks around every second
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "while paused", id: unique(), body: "x"})
	time.Sleep(2 * time.Second)
	if got := d.ledger(t); len(got) != 1 {
		t.Fatalf("a paused mailbox was read: %v", got)
	}
	d.update(t, mailboxes.Fields{Paused: &no})
	d.wantTickets(t, 10*time.Second, 2)
}

// A wrong password shows at the folder, with a remedy and without the password, and goes away with the
// right one.
func TestRefusedLoginShowsAtTheFolderAndClears(t *testing.T) {
	t.Parallel()
	d := watched(t)
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "first", id: unique(), body: "x"})
	_, right := dovecot.NewUser("any") // one password opens all
	wrong := "not-the-" + right
	d.update(t, mailboxes.Fields{IMAPPassword: &wrong})
	watch(t, d.work(t))
	d.eventually(t, 20*time.Second, "the folder is failing", "select failing_since is not null from mailbox_folders")
	if said := one[string](t, d, "select last_error from mailbox_folders"); !strings.Contains(said, "refused the login") || strings.Contains(said, right) {
		t.Errorf("the folder says %q", said)
	}
	d.update(t, mailboxes.Fields{IMAPPassword: &right})
	d.wantTickets(t, 20*time.Second, 1)
	d.eventually(t, 20*time.Second, "the folder is well again", "select failing_since is null and last_error is null from mailbox_folders")
	if log := d.log.String(); strings.Contains(log, right) {
		t.Error("a password stands in the log")
	}
}

func TestMailboxAddedWhileRunningIsRead(t *testing.T) {
	t.Parallel()
	d := watched(t)
	watch(t, d.work(t))
	d.idling(t)
	_, d.user = d.addMailbox(t, "sales@desk.example", nil)
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "to sales", id: unique(), body: "x"})
	d.wantTickets(t, 10*time.Second, 2)
}

// The connection is cut in the middle of an email, again and again at other places: nothing half read
// is accepted, and in the end each email is there once, byte for byte.
func TestConnectionCutInsideAnEmail(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.PollInterval = time.Second
	proxy := faultproxy.Start(t, dovecot.Addr())
	d.readThrough(t, proxy.Addr())
	var emails []email
	for i := range 4 {
		emails = append(emails, email{from: fmt.Sprintf("c%d@client.example", i), subject: "x", id: unique(), body: strings.Repeat("All of it.\r\n", 10_000)})
	}
	d.deliver(t, "INBOX", time.Now(), emails...)
	proxy.Truncate(150_000) // in the second email
	watch(t, d.work(t))
	d.eventually(t, 20*time.Second, "the folder is failing", "select failing_since is not null from mailbox_folders")
	proxy.Truncate(400_000)
	time.Sleep(1500 * time.Millisecond)
	if n := one[int](t, d, "select count(*) from inbound_emails"); n != 0 {
		t.Errorf("%d emails were accepted from a batch that was cut", n)
	}
	proxy.Truncate(-1)
	d.wantTickets(t, 20*time.Second, 4)
	d.eventually(t, 20*time.Second, "the folder is well again", "select failing_since is null from mailbox_folders")
	var sums [][]byte
	for _, e := range emails {
		sum := sha256.Sum256(e.bytes())
		sums = append(sums, sum[:])
	}
	if n := one[int](t, d, "select count(*) from inbound_emails where sha256 = any($1)", sums); n != 4 {
		t.Errorf("%d of 4 emails are what was sent", n)
	}
}

// A connection that ended between two polls is replaced at once: that is no failure of the mailbox.
func TestPollOverAConnectionThatEnded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	proxy := faultproxy.Start(t, dovecot.Addr())
	d.readThrough(t, proxy.Addr())
	d.work(t)
	d.put(t, email{from: ann, subject: "one", id: unique(), body: "x"})
	for i, end := range []func(){proxy.Cut, proxy.Reset} {
		end()
		d.put(t, email{from: ann, subject: "next", id: unique(), body: fmt.Sprint(i)}) // fails the test where a poll fails
	}
	d.expect(t, "opened 1", "opened 2", "opened 3")
	if n := one[int](t, d, "select count(*) from mailbox_folders where last_error is not null"); n != 0 {
		t.Error("the folder counts as failing")
	}
}

// A server that is away for a while costs nothing but the time.
func TestServerThatIsAwayForAWhile(t *testing.T) {
	t.Parallel()
	d := watched(t)
	proxy := faultproxy.Start(t, dovecot.Addr())
	d.readThrough(t, proxy.Addr())
	watch(t, d.work(t))
	d.idling(t)
	proxy.Refuse(true)
	proxy.Reset()
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "meanwhile", id: unique(), body: "x"})
	d.eventually(t, 20*time.Second, "the folder is failing", "select failing_since is not null from mailbox_folders")
	proxy.Refuse(false)
	d.wantTickets(t, 20*time.Second, 2)
	d.eventually(t, 20*time.Second, "the folder is well again", "select failing_since is null from mailbox_folders")
}

// One folder that is not there keeps no other from being read, and one that the mailbox gave up is left
// alone.
func TestMissingFolderDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.PollInterval = time.Second
	d.update(t, mailboxes.Fields{Folders: &[]string{"Gone", "INBOX"}})
	d.exec(t, "delete from mailbox_folders where name = 'INBOX'") // so that the missing one is read first
	d.update(t, mailboxes.Fields{})
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "one", id: unique(), body: "x"})
	watch(t, d.work(t))
	d.wantTickets(t, 10*time.Second, 1)
	d.eventually(t, 10*time.Second, "the missing one says so", "select last_error like '%does not exist%' from mailbox_folders where name = 'Gone'")
	d.update(t, mailboxes.Fields{Folders: &[]string{"INBOX"}})
	time.Sleep(2500 * time.Millisecond)
	d.exec(t, "update mailbox_folders set last_error = 'as it was' where name = 'Gone'")
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "two", id: unique(), body: "x"})
	d.wantTickets(t, 10*time.Second, 2)
	if said := one[string](t, d, "select last_error from mailbox_folders where name = 'Gone'"); said != "as it was" {
		t.Errorf("a folder that the mailbox no longer has was read: %s", said)
	}
}

// An email that is cut on its way, however often, is still on the server: only what the server itself
// does not send over a living connection may ever be given up.
func TestCutTransferIsNoFaultOfTheEmail(t *testing.T) {
	t.Parallel()
	user, password := dovecot.NewUser("cut")
	must(t, dovecot.Append(user, "INBOX", email{from: ann, id: unique(), body: strings.Repeat("All of it.\r\n", 50_000)}.bytes(), time.Now()))
	proxy := faultproxy.Start(t, dovecot.Addr())
	at := server(t, proxy.Addr())
	for name, cut := range map[string]func(){"an orderly end": proxy.Cut, "a reset": proxy.Reset, "silence": proxy.Pause} {
		proxy.Resume()
		proxy.Delay(0)
		s, err := mailbox.Dial(t.Context(), mailbox.Account{Host: at.Host, Port: at.Port, Security: mailbox.SecurityNone, Username: user, Password: password},
			mailbox.Timeouts{Read: time.Second, Command: 2 * time.Second})
		must(t, err)
		_, err = s.Open(t.Context(), "INBOX")
		must(t, err)
		var metas []mailbox.Meta
		must(t, s.List(t.Context(), 1, 0, func(m mailbox.Meta) error { metas = append(metas, m); return nil }))
		proxy.Delay(20 * time.Millisecond) // so that the whole is not on this side already
		_, err = s.Fetch(t.Context(), metas, func(_ mailbox.Meta, r io.Reader) error {
			_, err := io.CopyN(io.Discard, r, 1000)
			cut()
			_, rest := io.Copy(io.Discard, r)
			return errors.Join(err, rest)
		})
		if err == nil {
			t.Errorf("%s: the fetch did not fail; nothing was tried", name)
		} else if worker.OfEmail(err) {
			t.Errorf("%s counts against the email: %v", name, err)
		}
		must(t, s.Close())
	}
}
