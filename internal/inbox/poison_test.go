package inbox_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/mail/message"
)

// refuse makes the database refuse rows of a table that fulfil a condition, as a full disk or a value
// that nobody thought of would.
func (d *desk) refuse(t *testing.T, table, condition string) {
	t.Helper()
	d.exec(t, `create function refuse_`+table+`() returns trigger language plpgsql as
		$$ begin raise exception 'refused for the test'; end $$`)
	d.exec(t, `create trigger refuse before insert on `+table+` for each row when (`+condition+`) execute function refuse_`+table+`()`)
}

// An email whose reading panics is quarantined at once, with its original; the others of its batch do
// not notice.
func TestPanickingEmailIsQuarantinedAlone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.inbox.ReadWith(func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error) {
		e, err := message.Parse(raw, l, keep)
		if e.Subject == "poison" {
			panic("a defect of the parser")
		}
		return e, err
	})
	ids := d.accept(t,
		email{from: "ann@client.example", subject: "before", id: unique(), body: "one"},
		email{from: "eve@client.example", subject: "poison", id: unique(), body: "the words of the client"},
		email{from: "bob@client.example", subject: "after", id: unique(), body: "three"})
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Opened)
	d.expect(t, ids[2], inbox.Opened)
	d.expectOriginal(t, ids[1])
}

// expectOriginal wants the email quarantined: a ticket, nothing to the sender, the original attached.
func (d *desk) expectOriginal(t *testing.T, id int64) {
	t.Helper()
	e := d.expect(t, id, inbox.Quarantined)
	if !e.TicketID.Valid {
		t.Fatal("a quarantined email has no ticket: nobody will look at it")
	}
	full := d.full(t, e.TicketID.UUID)
	if len(full.Attachments) != 1 || full.Attachments[0].Name != "original.eml" || string(full.Attachments[0].SHA256) != string(e.SHA256) {
		t.Errorf("attachments %+v, want the original alone", full.Attachments)
	}
	if n := one[int](t, d, "select count(*) from letters where ticket_id = $1 and kind = 'acknowledgement'", e.TicketID.UUID); n != 0 {
		t.Errorf("%d acknowledgements of an email that nobody could read", n)
	}
	if n := one[int](t, d, "select count(*) from letters where ticket_id = $1 and kind = 'notice'", e.TicketID.UUID); n != 1 {
		t.Errorf("%d notices to staff, want 1", n)
	}
}

// An email that kills the process is known by its attempts. The batch that it came with is tried email
// by email afterwards, so that only its own counter rises.
func TestKillingEmailDoesNotTakeItsBatchAlong(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t,
		email{from: "eve@client.example", subject: "killer", id: unique(), body: "x"},
		email{from: "ann@client.example", subject: "harmless", id: unique(), body: "y"})
	// What is left of a process that was killed while it read the batch: an attempt counted for each.
	d.exec(t, "update inbound_emails set attempts = 1")
	// And of four that were killed by the first email alone.
	d.exec(t, "update inbound_emails set attempts = 5 where subject is null and uid = 1")
	d.ingest(t, ids...)
	d.expect(t, ids[1], inbox.Opened)
	d.expectOriginal(t, ids[0])
	if got := d.row(t, ids[1]).Attempts; got != 2 {
		t.Errorf("the harmless email has %d attempts, want 2", got)
	}
}

// Tried: a first attempt that fails by the email's own fault, one that fails by the database's, and one that
// succeeds. Only the first one counts, and only once it has failed.
func TestFirstAttemptCountsOnceItHasFailed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	during := -1
	ids := d.accept(t,
		email{from: "eve@client.example", subject: "guilty", id: unique(), body: "x"},
		email{from: "ann@client.example", subject: "innocent", id: unique(), body: "y"},
		email{from: "bob@client.example", subject: "fine", id: unique(), body: "z"})
	d.inbox.ReadWith(func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error) {
		during = max(during, one[int](t, d, "select max(attempts) from inbound_emails"))
		return message.Parse(raw, l, keep)
	})
	d.refuseAs(t, "22001", "tickets", "new.subject = 'guilty'")
	d.exec(t, `create function trouble() returns trigger language plpgsql as $$ begin raise exception 'full' using errcode = '53100'; end $$`)
	d.exec(t, `create trigger trouble before insert on tickets for each row when (new.subject = 'innocent') execute function trouble()`)
	if err := d.inbox.IngestFirst(t.Context(), ids); err == nil {
		t.Fatal("nothing failed")
	}
	if during != 0 {
		t.Errorf("an attempt was counted before it had failed: %d", during)
	}
	d.expect(t, ids[2], inbox.Opened)
	for i, want := range []int{1, 0, 0} {
		if got := d.row(t, ids[i]).Attempts; got != want {
			t.Errorf("email %d has %d attempts, want %d", i, got, want)
		}
	}
}

// Emails that were tried before are claimed one at a time: while the first one fails, the attempts of
// the others stay as they are until it is their turn.
func TestRetriedEmailsAreClaimedOneAtATime(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var seen []int
	ids := d.accept(t,
		email{from: "eve@client.example", subject: "first", id: unique(), body: "x"},
		email{from: "ann@client.example", subject: "second", id: unique(), body: "y"})
	d.exec(t, "update inbound_emails set attempts = 1")
	d.inbox.ReadWith(func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error) {
		seen = append(seen, d.row(t, ids[1]).Attempts)
		return message.Parse(raw, l, keep)
	})
	d.ingest(t, ids...)
	if len(seen) != 2 || seen[0] != 1 || seen[1] != 2 {
		t.Errorf("attempts of the second email while each was read: %v, want [1 2]", seen)
	}
}

// An email whose attachments alone cannot be stored keeps nobody waiting and becomes a ticket with its
// text and its original in the end.
func TestEmailWhoseAttachmentsFailKeepsItsText(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const withFile = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	const parts = "--b\r\nContent-Type: text/plain\r\n\r\nThe words.\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n" +
		"Content-Disposition: attachment; filename=a.pdf\r\n\r\nnot stored\r\n--b--\r\n"
	ids := d.accept(t,
		email{from: "eve@client.example", subject: "with a file", id: unique(), extra: withFile, body: parts},
		email{from: "ann@client.example", subject: "without", id: unique(), body: "y"})
	d.refuse(t, "blob_chunks", "new.size = 10") // "not stored"
	if err := d.inbox.Ingest(t.Context(), ids); err == nil {
		t.Fatal("the first attempt did not fail")
	}
	d.expect(t, ids[1], inbox.Opened)
	if e := d.row(t, ids[0]); e.Disposition != nil || e.LastError == nil {
		t.Errorf("after a failed attempt: disposition %s, last error %s", text(e.Disposition), text(e.LastError))
	}
	if err := d.inbox.Ingest(t.Context(), ids); err == nil || !strings.Contains(err.Error(), "attachments") {
		t.Fatalf("second attempt: %v, want a failure that names the attachments", err)
	}
	d.ingest(t, ids...)
	e := d.expect(t, ids[0], inbox.Opened)
	full := d.full(t, e.TicketID.UUID)
	if full.Messages[0].Body != "The words." || len(full.Attachments) != 1 || full.Attachments[0].Name != "original.eml" {
		t.Errorf("body %q, attachments %+v; want the words and the original", full.Messages[0].Body, full.Attachments)
	}
	if len(full.Messages[0].Problems) == 0 {
		t.Error("the message does not say that its attachments are missing")
	}
}

// One email makes the transaction of its batch fail, each time: the others are routed at the first
// attempt, and it ends in quarantine.
func TestEmailThatBreaksTheTransactionGoesAlone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var emails []email
	for range 5 {
		emails = append(emails, email{from: "ann@client.example", subject: "fine", id: unique(), body: "y"})
	}
	emails[2].subject = "breaks"
	ids := d.accept(t, emails...)
	d.refuse(t, "tickets", "new.subject = 'breaks'")
	for attempt := 1; attempt <= 5; attempt++ {
		if err := d.inbox.Ingest(t.Context(), ids); err == nil {
			t.Fatalf("attempt %d did not fail", attempt)
		}
		for i, id := range ids {
			if i != 2 {
				d.expect(t, id, inbox.Opened)
			}
		}
	}
	if e := d.row(t, ids[2]); e.LastError == nil || !strings.Contains(*e.LastError, "refused for the test") {
		t.Errorf("last error %s", text(e.LastError))
	}
	d.ingest(t, ids...)
	d.expectOriginal(t, ids[2])
}

// stumbling is a context that panics deep inside the next transactions.
type stumbling struct {
	context.Context
	left *int
}

func (s stumbling) Value(key any) any {
	if strings.HasSuffix(fmt.Sprintf("%T", key), "idempotencyKey") && *s.left > 0 {
		*s.left--
		panic("a defect of the routing")
	}
	return s.Context.Value(key)
}

// A panic while emails are routed is a failure like any other: the emails are tried one by one, and the
// one that fails alone is tried again.
func TestPanicInRoutingIsAFailureOfOneEmail(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t,
		email{from: "eve@client.example", subject: "unlucky", id: unique(), body: "x"},
		email{from: "ann@client.example", subject: "fine", id: unique(), body: "y"})
	left := 2 // the batch, and the first email by itself
	if err := d.inbox.Ingest(stumbling{t.Context(), &left}, ids); err == nil {
		t.Fatal("the panic was swallowed")
	}
	d.expect(t, ids[1], inbox.Opened)
	if e := d.row(t, ids[0]); e.Disposition != nil || e.LastError == nil {
		t.Errorf("the unlucky email: disposition %s, last error %s", text(e.Disposition), text(e.LastError))
	}
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Opened)
}

// Tried: the same small file in two emails of one commit, one of 300 KiB, and a copy of the first email. The small
// ones are stored in the commit of their tickets, once.
func TestSmallFilesAreStoredWithTheirTicket(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const withFile = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
	parts := func(file string) string {
		return "--b\r\nContent-Type: text/plain\r\n\r\nThe words.\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n" +
			"Content-Disposition: attachment; filename=a.pdf\r\n\r\n" + file + "\r\n--b--\r\n"
	}
	first := email{from: "eve@client.example", subject: "a", id: unique(), extra: withFile, body: parts("small file")}
	ids := d.accept(t, first,
		email{from: "ann@client.example", subject: "b", id: unique(), extra: withFile, body: parts("small file")},
		email{from: "bob@client.example", subject: "c", id: unique(), extra: withFile, body: parts(strings.Repeat("0123456789abcde\n", 300<<6))})
	d.ingest(t, ids...)
	d.ingest(t, d.accept(t, first)...)
	const stored = "select count(distinct b.sha256) from blob_chunks b join attachments a using (sha256)"
	for what, want := range map[string]int{
		"select count(*) from attachments": 3,
		stored:                             2,
		stored + " join tickets t on t.xmin = b.xmin where b.size = 10":       1,
		stored + " join tickets t on t.xmin = b.xmin where b.size > 256*1024": 0,
	} {
		if got := one[int](t, d, what); got != want {
			t.Errorf("%d, want %d: %s", got, want, what)
		}
	}
}
