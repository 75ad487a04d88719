package worker_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/mailboxes"
)

const hammered = 300

// hammer delivers emails at random moments, and waits until each has its row. It returns how long after its
// delivery each was accepted and how long after it was routed, sorted, as the transactions' beginnings tell.
func (d *desk) hammer(t *testing.T, deliver func(email)) (accepted, routed []time.Duration) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	before := one[int](t, d, "select count(*) from inbound_emails")
	at := map[string]time.Time{}
	for i := range hammered {
		e := email{from: fmt.Sprintf("Ann <h%d@c%d.example>", i, i%20), subject: fmt.Sprintf("hammer %d", i), id: unique(), body: "x"}
		deliver(e)
		at["<"+e.id+">"] = time.Now()
		time.Sleep(time.Duration(random.IntN(80)) * time.Millisecond)
	}
	d.eventually(t, 10*time.Second, "all are routed", "select count(*) = $1 from inbound_emails where disposition is not null", before+hammered)
	rows, err := d.look.Query(t.Context(), "select message_id, accepted_at, processed_at from inbound_emails")
	must(t, err)
	for rows.Next() {
		var id string
		var in, out time.Time
		must(t, rows.Scan(&id, &in, &out))
		began, ours := at[id]
		if !ours {
			began, ours = at["<"+id+">"]
		}
		if ours {
			accepted, routed = append(accepted, in.Sub(began)), append(routed, out.Sub(began))
		}
	}
	must(t, rows.Err())
	if len(accepted) != hammered {
		t.Fatalf("%d of %d emails have a row", len(accepted), hammered)
	}
	slices.Sort(accepted)
	slices.Sort(routed)
	for what, waits := range map[string][]time.Duration{"accepted": accepted, "routed": routed} {
		t.Logf("delivered to %s: p50 %s, p99 %s, most %s", what, waits[hammered/2].Round(100*time.Microsecond),
			waits[hammered*99/100].Round(100*time.Microsecond), waits[hammered-1].Round(100*time.Microsecond))
	}
	return accepted, routed
}

// Tried: a notice that comes after a poll's last look and before its end is committed. The queue takes the poll
// that it asks for as a second one, until the notice is no longer repeated.
func TestNoticeAtTheEndOfAPollIsNotLost(t *testing.T) {
	t.Parallel()
	d := watched(t)
	watch(t, d.work(t))
	d.idling(t)
	d.exec(t, `create function hold_ends() returns trigger language plpgsql as $$ begin
		if current_query() like '%JobSetStateIfRunningMany%' then perform pg_advisory_xact_lock_shared(4711); end if;
		return null; end $$`)
	d.exec(t, "create trigger hold_ends before update on river_job execute function hold_ends()")
	hold, err := d.look.Begin(t.Context())
	must(t, err)
	_, err = hold.Exec(t.Context(), "select pg_advisory_xact_lock(4711)")
	must(t, err)
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "read", id: unique(), body: "x"})
	d.eventually(t, 10*time.Second, "the email is read and its poll is about to end", `select (select count(*) = 2 from inbound_emails)
		and exists (select from pg_stat_activity where datname = current_database() and wait_event = 'advisory')`)
	d.deliver(t, "INBOX", time.Now(), email{from: ann, subject: "not looked for any more", id: unique(), body: "x"})
	time.Sleep(5 * time.Second) // longer than the notice is repeated
	if n := one[int](t, d, "select count(*) from inbound_emails"); n != 2 {
		t.Fatalf("%d emails are read; nothing was tried", n)
	}
	must(t, hold.Rollback(t.Context()))
	d.wantTickets(t, 3*time.Second, 3)
}

// Emails come in at every moment of a poll's life, most of them while one is running or ending: no notice is
// lost, none waits for the clock.
func TestNoNoticeIsLost(t *testing.T) {
	t.Parallel()
	d := watched(t)
	watch(t, d.work(t))
	d.idling(t)
	accepted, _ := d.hammer(t, func(e email) { d.deliver(t, "INBOX", time.Now(), e) })
	if most := accepted[hammered-1]; most > 3*time.Second {
		t.Errorf("an email waited %s", most)
	}
}

// The same with a mail server that tells at once: what an email waits for is us alone.
func TestNoticeOfAPromptServer(t *testing.T) {
	t.Parallel()
	d := watched(t)
	mail, err := embedded.StartMail(t.Context(), embedded.MailConfig{Dir: t.TempDir(), SMTPAddr: "127.0.0.1:0", IMAPAddr: "127.0.0.1:0",
		Password: "prompt-password", Domain: "desk.example"})
	must(t, err)
	t.Cleanup(func() { must(t, mail.Stop()) })
	imap, password := server(t, mail.IMAPAddr()), "prompt-password"
	imap.Username = "support@desk.example"
	d.update(t, mailboxes.Fields{IMAP: &imap, IMAPPassword: &password})
	client, err := gosmtp.Dial(mail.SMTPAddr())
	must(t, err)
	defer client.Close()
	watch(t, d.work(t))
	time.Sleep(3 * time.Second)
	accepted, _ := d.hammer(t, func(e email) {
		must(t, client.SendMail("ann@client.example", []string{"support@desk.example"}, bytes.NewReader(e.bytes())))
	})
	if p50 := accepted[hammered/2]; p50 > 100*time.Millisecond {
		t.Errorf("half of the emails waited %s", p50)
	}
	if most := accepted[hammered-1]; most > 3*time.Second {
		t.Errorf("an email waited %s", most)
	}
}
