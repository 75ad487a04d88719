package inbox_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/mail/message"
)

// desk is the inbox on a real database, without a mail server: emails are handed to Accept.
type desk struct {
	*process
	urls   *testdb.DB
	look   *pgxpool.Pool // for what the test asserts; never the product's
	box    mailboxes.Mailbox
	folder mailboxes.Folder
}

// process is what one process of the product has in memory.
type process struct {
	db      *db.DB
	inbox   *inbox.Service
	boxes   *mailboxes.Service
	tickets *tickets.Service
}

var keys = []byte("0123456789abcdef0123456789abcdef")

func rules() inbox.Rules {
	return inbox.Rules{Parsing: message.DefaultLimits(), TicketsPerSender: 20, TicketWindow: 10 * time.Minute,
		TicketsPerDomain: 1000, DomainWindow: 10 * time.Minute, AcksPerWindow: 3, AckWindow: time.Hour, ReplyWait: 10 * time.Minute}
}

func newDesk(t *testing.T) *desk { return newDeskWith(t, rules()) }

func newDeskWith(t *testing.T, r inbox.Rules) *desk {
	t.Helper()
	d := &desk{urls: testdb.New(t)}
	pool, err := pgxpool.New(t.Context(), d.urls.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	d.look = pool
	d.process = d.start(t, d.urls.AppURL, r)
	name, address, start, staff, password := "Support", "support@desk.example", mailboxes.FromAll, []string{"staff@desk.example"}, "p"
	server := mailboxes.Server{Host: "127.0.0.1", Port: 1, Security: "none", Username: "support"}
	d.box, err = d.boxes.Create(t.Context(), staffActor(), mailboxes.Fields{Name: &name, Address: &address, AddressNorm: address,
		IMAP: &server, SMTP: &server, IMAPPassword: &password, SMTPPassword: &password, Start: &start, StaffAddresses: &staff})
	if err != nil {
		t.Fatal(err)
	}
	folders, err := d.boxes.FoldersOf(t.Context(), d.box.ID)
	if err != nil || len(folders) != 1 {
		t.Fatalf("folders: %v, %v", folders, err)
	}
	if d.folder, err = d.inbox.Restart(t.Context(), folders[0], inbox.Seen{UIDValidity: 7, UIDNext: 1}); err != nil {
		t.Fatal(err)
	}
	return d
}

// start makes the services over this URL, as another process would.
func (d *desk) start(t *testing.T, url string, r inbox.Rules) *process {
	t.Helper()
	base, err := db.Open(t.Context(), url, db.Options{AppConns: 4, ClientConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(base.Close)
	v, err := vault.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	blobs := blob.New(base)
	helpdesk := tickets.New(base, outbox.New(base, v, time.Hour), blobs, tickets.Desk{Name: "Desk"})
	return &process{db: base, inbox: inbox.New(base, blobs, helpdesk, r), boxes: mailboxes.New(base, v), tickets: helpdesk}
}

func staffActor() event.Actor {
	return event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}
}

// email is the text of one; an empty field leaves its header line out.
type email struct {
	from, subject, id, inReplyTo, extra, body string
	headless                                  bool // the body is all
}

var drawn atomic.Int64

// unique is a Message-ID that no other email of the run has.
func unique() string { return fmt.Sprintf("%d@client.example", drawn.Add(1)) }

func (e email) raw() string {
	if e.headless {
		return e.body
	}
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	angled := func(id string) string {
		if id == "" {
			return ""
		}
		return "<" + id + ">"
	}
	line("From", e.from)
	line("To", "support@desk.example")
	line("Subject", e.subject)
	line("Message-ID", angled(e.id))
	line("In-Reply-To", angled(e.inReplyTo))
	b.WriteString(e.extra)
	return b.String() + "\r\n" + e.body
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// accept takes emails into the folder and returns their ledger ids.
func (d *desk) accept(t *testing.T, emails ...email) []int64 {
	t.Helper()
	if err := d.tryAccept(t, d.inbox, emails...); err != nil {
		t.Fatal(err)
	}
	first := d.folder.LastUID
	d.folder.LastUID += int64(len(emails))
	return column[int64](t, d, "select id from inbound_emails where folder_id = $1 and generation = $2 and uid > $3 order by uid",
		d.folder.ID, d.folder.Generation, first)
}

func (d *desk) tryAccept(t *testing.T, by *inbox.Service, emails ...email) error {
	t.Helper()
	var arrivals []inbox.Arrival
	for i, e := range emails {
		spool, err := blob.NewSpool(strings.NewReader(e.raw()))
		if err != nil {
			t.Fatal(err)
		}
		defer spool.Close()
		uid := d.folder.LastUID + int64(i) + 1
		arrivals = append(arrivals, inbox.Arrival{UID: uid, Size: spool.Size(), InternalDate: noon.Add(time.Duration(uid) * time.Second), Bytes: spool})
	}
	return by.Accept(t.Context(), d.folder, arrivals, d.folder.LastUID+int64(len(emails)))
}

func (d *desk) ingest(t *testing.T, ids ...int64) {
	t.Helper()
	if err := d.inbox.IngestFirst(t.Context(), ids); err != nil {
		t.Fatalf("ingest: %v", err)
	}
}

func (d *desk) row(t *testing.T, id int64) inbox.Email {
	t.Helper()
	e, err := d.inbox.Get(t.Context(), staffActor(), id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (d *desk) full(t *testing.T, id uuid.UUID) tickets.Full {
	t.Helper()
	f, err := d.tickets.Get(t.Context(), staffActor(), id)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// expect compares the disposition of an email and returns the row.
func (d *desk) expect(t *testing.T, id int64, disposition string) inbox.Email {
	t.Helper()
	e := d.row(t, id)
	if e.Disposition == nil || *e.Disposition != disposition {
		t.Fatalf("inbound email %d: disposition %s (%s; last error %s), want %s", id, text(e.Disposition), text(e.Reason), text(e.LastError), disposition)
	}
	return e
}

func text(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
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

func (d *desk) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := d.look.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
		t.Fatal(err)
	}
}
