package worker_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outage"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/testimap"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/internal/wording"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/message"
	"github.com/postern-desk/postern/mail/smtp"
	"github.com/postern-desk/postern/worker"
)

// dovecot is shared by the tests of this package; each has a user of its own.
var dovecot *testimap.Server

func TestMain(m *testing.M) { os.Exit(withDovecot(m)) }

func withDovecot(m *testing.M) int {
	dir, err := os.MkdirTemp("", "imap-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if dovecot, err = testimap.Run(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, "testimap:", err)
		return 1
	}
	defer dovecot.Kill()
	return m.Run()
}

// desk is the whole road from Dovecot to the ledger, the ticket and the letters on a real SMTP server.
type desk struct {
	urls    *testdb.DB
	look    *pgxpool.Pool // for what the test asserts; never the product's
	db      *db.DB
	blobs   *blob.Store
	boxes   *mailboxes.Service
	inbox   *inbox.Service
	outbox  *outbox.Outbox
	tickets *tickets.Service
	smtp    *sink
	patient time.Duration // with an SMTP server that is silent
	set     worker.Settings
	log     *logbook
	box     mailboxes.Mailbox
	user    string // of box on Dovecot
}

func newDesk(t *testing.T) *desk { return newDeskFrom(t, mailboxes.FromAll) }

// newDeskFrom has one mailbox, support@desk.example, that counts emails from there on.
func newDeskFrom(t *testing.T, start string) *desk {
	t.Helper()
	d := &desk{urls: testdb.New(t), smtp: newSink(t), patient: 5 * time.Second, log: &logbook{}}
	var err error
	if d.look, err = pgxpool.New(t.Context(), d.urls.SuperURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.look.Close)
	if d.db, err = db.Open(t.Context(), d.urls.AppURL, db.Options{AppConns: 8, ClientConns: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.db.Close)
	v, err := vault.New([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	d.blobs = blob.New(d.db)
	d.boxes = mailboxes.New(d.db, v)
	d.outbox = outbox.New(d.db, v, time.Hour)
	d.tickets = tickets.New(d.db, d.outbox, d.blobs, tickets.Desk{Name: "Desk"})
	d.inbox = inbox.New(d.db, d.blobs, d.tickets, inbox.Rules{Parsing: message.DefaultLimits(), TicketsPerSender: 20, TicketWindow: 10 * time.Minute,
		TicketsPerDomain: 1000, DomainWindow: 10 * time.Minute, AcksPerWindow: 3, AckWindow: time.Hour, ReplyWait: 10 * time.Minute})
	d.set = worker.Settings{Works: true, Watches: true, IngestWorkers: 4, BatchMessages: 50, BatchBytes: 16 << 20, MaxEmailBytes: 1 << 20, PollInterval: time.Minute,
		IdleSlice: time.Minute, IMAP: mailbox.Timeouts{Dial: 5 * time.Second, Command: 10 * time.Second, Read: 5 * time.Second},
		Drain: 10 * time.Second, LetterWorkers: 4,
		Keep: worker.Retention{RawEmailDays: 365, LetterDays: 7, AwaitedDays: 90, Keys: 24 * time.Hour}}
	d.box, d.user = d.addMailbox(t, "support@desk.example", func(f *mailboxes.Fields) {
		if f.Start = &start; start == mailboxes.FromDate {
			f.StartAt = &lastYear
		}
	})
	return d
}

// addMailbox makes a mailbox that a new user of Dovecot is read for.
func (d *desk) addMailbox(t *testing.T, address string, change func(*mailboxes.Fields)) (mailboxes.Mailbox, string) {
	t.Helper()
	user, password := dovecot.NewUser("desk")
	imap, post := server(t, dovecot.Addr()), server(t, d.smtp.addr)
	imap.Username = user
	start, staff := mailboxes.FromAll, []string{"staff@team.example"}
	f := mailboxes.Fields{Name: &address, Address: &address, AddressNorm: address, IMAP: &imap, SMTP: &post, IMAPPassword: &password,
		SMTPPassword: &password, Start: &start, StaffAddresses: &staff}
	if change != nil {
		change(&f)
	}
	m, err := d.boxes.Create(t.Context(), staffActor(), f)
	if err != nil {
		t.Fatal(err)
	}
	return m, user
}

// update changes the desk's mailbox.
func (d *desk) update(t *testing.T, f mailboxes.Fields) {
	t.Helper()
	m, err := d.boxes.Update(t.Context(), staffActor(), d.box.ID, d.box.Version, f)
	if err != nil {
		t.Fatal(err)
	}
	d.box = m
}

func server(t *testing.T, addr string) mailboxes.Server {
	t.Helper()
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return mailboxes.Server{Host: host, Port: port, Security: "none"}
}

func staffActor() event.Actor {
	return event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}
}

var processes atomic.Int64

// process makes a worker as a process of its own would have it; it is not started.
func (d *desk) process(t *testing.T) (*worker.Worker, string) {
	t.Helper()
	pool := smtp.NewPool(2, time.Minute, smtp.Timeouts{Connect: 5 * time.Second, Greeting: 5 * time.Second, Command: d.patient,
		Block: 5 * time.Second, Reply: 5 * time.Second, Grace: time.Second})
	t.Cleanup(pool.Close)
	set := d.set
	set.Process = fmt.Sprintf("test-%d", processes.Add(1))
	w, err := worker.New(worker.Deps{DB: d.db, Blobs: d.blobs, Mailboxes: d.boxes, Inbox: d.inbox, Outbox: d.outbox, Outages: outage.New(d.db, d.outbox, outage.Desk{Desk: wording.Desk{Name: "Desk"}}), SMTP: pool,
		Log: slog.New(slog.NewTextHandler(d.log, nil))}, set)
	if err != nil {
		t.Fatal(err)
	}
	return w, set.Process
}

// work starts a worker that runs until the test ends.
func (d *desk) work(t *testing.T) *worker.Worker {
	t.Helper()
	w, _ := d.process(t)
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, w) })
	return w
}

func stop(t *testing.T, w *worker.Worker) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.Stop(ctx); err != nil {
		t.Errorf("stop the worker: %v", err)
	}
}

// watch runs the watcher until the test ends.
func watch(t *testing.T, w *worker.Worker) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Watch(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("the watcher does not end")
		}
	})
}

// enqueue queues a job as the product does.
func (d *desk) enqueue(t *testing.T, args river.JobArgs) {
	t.Helper()
	err := d.db.Bookkeep(t.Context(), "test", func(tx *db.Tx) error {
		tx.Enqueue(args)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func pollOf(d *desk) jobs.PollMailbox { return jobs.PollMailbox{MailboxID: d.box.ID.String()} }

// poll reads every mailbox and waits until everything that follows from it is done.
func (d *desk) poll(t *testing.T) {
	t.Helper()
	for _, id := range column[uuid.UUID](t, d, "select id from mailboxes") {
		d.enqueue(t, jobs.PollMailbox{MailboxID: id.String()})
	}
	d.quiet(t)
	if failed := column[string](t, d, "select errors::text from river_job where kind = 'poll_mailbox' and state = 'discarded'"); len(failed) > 0 {
		t.Fatalf("polls failed: %v", failed)
	}
}

// quiet waits until no job is left to do. A reply that waited leaves a late job behind, which will find nothing.
func (d *desk) quiet(t *testing.T) {
	t.Helper()
	d.eventually(t, 30*time.Second, "the queues are empty", `select not exists (select from river_job
		where kind in ('poll_mailbox', 'ingest_emails', 'send_letter') and state not in ('completed', 'discarded', 'cancelled')
		and not (kind = 'ingest_emails' and state = 'scheduled' and not exists (select from inbound_emails where disposition is null)))`)
}

// eventually waits until the query says true.
func (d *desk) eventually(t *testing.T, patience time.Duration, what, sql string, args ...any) {
	t.Helper()
	waitFor(t, patience, what, func() bool { return one[bool](t, d, sql, args...) })
}

func waitFor(t *testing.T, patience time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s it is still not so that %s", patience, what)
		}
	}
}

func column[T any](t *testing.T, d *desk, sql string, args ...any) []T {
	t.Helper()
	rows, err := d.look.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func one[T any](t *testing.T, d *desk, sql string, args ...any) T {
	t.Helper()
	all := column[T](t, d, sql, args...)
	if len(all) != 1 {
		t.Fatalf("%d rows, want one: %s", len(all), sql)
	}
	return all[0]
}

func (d *desk) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := d.look.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// email is the text of one; an empty field leaves its header line out. raw replaces all the others.
type email struct {
	from, to, subject, id, inReplyTo, extra, body, raw string
}

var drawn atomic.Int64

// unique is a Message-ID that no other email of the run has.
func unique() string { return fmt.Sprintf("%d@mail.client.example", drawn.Add(1)) }

func (e email) bytes() []byte {
	if e.raw != "" {
		return []byte(e.raw)
	}
	var b strings.Builder
	for _, line := range []struct{ name, value string }{{"From", e.from}, {"To", or(e.to, "support@desk.example")}, {"Subject", e.subject},
		{"Message-ID", angled(e.id)}, {"In-Reply-To", angled(e.inReplyTo)}} {
		if line.value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", line.name, line.value)
		}
	}
	b.WriteString(e.extra + "\r\n" + e.body)
	return []byte(b.String())
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func angled(id string) string {
	if id == "" {
		return ""
	}
	return "<" + id + ">"
}

// deliver puts emails into a folder of the desk's mailbox, in one go.
func (d *desk) deliver(t *testing.T, folder string, at time.Time, emails ...email) {
	t.Helper()
	raws := make([][]byte, len(emails))
	for i, e := range emails {
		raws[i] = e.bytes()
	}
	if err := dovecot.AppendMany(d.user, folder, raws, at); err != nil {
		t.Fatal(err)
	}
}

// put delivers emails now and waits until they are dealt with.
func (d *desk) put(t *testing.T, emails ...email) {
	t.Helper()
	d.deliver(t, "INBOX", time.Now(), emails...)
	d.poll(t)
}

// ledger is a line for each email ever accepted, in order: its disposition, and which ticket it went to,
// counted from 1.
func (d *desk) ledger(t *testing.T) []string {
	t.Helper()
	return column[string](t, d, `select coalesce(disposition, 'pending') || ' ' ||
		case when own.id is null then '-' else (select count(*)::text from tickets t where t.number <= own.number) end
		from inbound_emails e left join tickets own on own.id = e.ticket_id order by e.id`)
}

// expect compares the ledger.
func (d *desk) expect(t *testing.T, lines ...string) {
	t.Helper()
	if got := d.ledger(t); !slices.Equal(got, lines) {
		reasons := column[string](t, d, "select coalesce(reason, '-') || ' / ' || coalesce(last_error, '-') from inbound_emails order by id")
		t.Fatalf("the ledger says\n %s\nwant\n %s\nreasons\n %s", strings.Join(got, "\n "), strings.Join(lines, "\n "), strings.Join(reasons, "\n "))
	}
}

// expectLetters compares what was handed to the mail server, as "kind recipient", in any order.
func (d *desk) expectLetters(t *testing.T, lines ...string) {
	t.Helper()
	got := column[string](t, d, "select kind || ' ' || recipients[1] from letters order by 1")
	slices.Sort(lines)
	if !slices.Equal(got, lines) {
		t.Fatalf("the letters are\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(lines, "\n "))
	}
	if unsent := one[int](t, d, "select count(*) from letters where state <> 'sent'"); unsent != 0 {
		t.Errorf("%d of them were not sent", unsent)
	}
	if taken := d.smtp.count(); taken != len(lines) {
		t.Errorf("the mail server took %d letters, want %d", taken, len(lines))
	}
}

// ticket reads the n-th ticket, counted from 1.
func (d *desk) ticket(t *testing.T, n int) tickets.Full {
	t.Helper()
	ids := column[uuid.UUID](t, d, "select id from tickets order by number")
	if len(ids) < n {
		t.Fatalf("there are %d tickets, no number %d", len(ids), n)
	}
	f, err := d.tickets.Get(t.Context(), staffActor(), ids[n-1])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (d *desk) close(t *testing.T, n int) {
	t.Helper()
	f, closed := d.ticket(t, n), tickets.Closed
	if _, err := d.tickets.Update(t.Context(), staffActor(), f.Ticket.ID, f.Ticket.Version, tickets.Patch{Status: &closed}); err != nil {
		t.Fatal(err)
	}
}

// answer posts an answer on the n-th ticket and returns the letter that the requester got.
func (d *desk) answer(t *testing.T, n int) taken {
	t.Helper()
	before := d.smtp.count()
	_, err := d.tickets.Post(t.Context(), staffActor(), d.ticket(t, n).Ticket.ID, tickets.Post{Visibility: tickets.Everyone, Body: "Have you tried water?"})
	if err != nil {
		t.Fatal(err)
	}
	d.quiet(t)
	if d.smtp.count() != before+1 {
		t.Fatalf("an answer made %d letters", d.smtp.count()-before)
	}
	return d.smtp.last()
}

// logbook keeps what the worker logs.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

var _ io.Writer = (*logbook)(nil)

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
