package inbox_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/mail/message"
)

// more is how often trouble of ours strikes in a row: more often than an email may fail through its own fault.
const more = 7

// refuseAs is refuse with a SQLSTATE.
func (d *desk) refuseAs(t *testing.T, state, table, condition string) {
	t.Helper()
	d.exec(t, `create or replace function refuse_`+table+`() returns trigger language plpgsql as
		$$ begin raise exception 'refused for the test' using errcode = '`+state+`'; end $$`)
	d.exec(t, `create or replace trigger refuse before insert on `+table+` for each row when (`+condition+`) execute function refuse_`+table+`()`)
}

// expectUntouched wants the email waiting for its next attempt, with none counted and the failure noted.
func (d *desk) expectUntouched(t *testing.T, id int64, words string) {
	t.Helper()
	e := d.row(t, id)
	if e.Disposition != nil || e.Attempts != 0 || !strings.Contains(text(e.LastError), words) {
		t.Fatalf("disposition %s, %d attempts, last error %q; want it untouched, with %q", text(e.Disposition), e.Attempts, text(e.LastError), words)
	}
}

// Tried: an email that no statement copes with, while others pass. For an hour that may be the server's fault;
// then the email ends as one that cannot be read, as with any fault of its own.
func TestAnEmailThatNoStatementCopesWithIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"57014", "53200", "XX000"} {
		d := newDesk(t)
		ids := d.accept(t, email{from: "ann@client.example", subject: "struck", id: unique(), body: "x"})
		d.refuseAs(t, state, "tickets", "new.subject = 'struck'")
		for range 7 {
			if err := d.inbox.Ingest(t.Context(), ids); err == nil {
				t.Fatalf("%s did not fail", state)
			}
		}
		d.expectUntouched(t, ids[0], state)
		d.exec(t, "update inbound_emails set accepted_at = now() - interval '61 minutes'")
		for range 5 {
			_ = d.inbox.Ingest(t.Context(), ids)
		}
		d.ingest(t, ids...)
		d.expectOriginal(t, ids[0])
	}
}

// Tried: what the server says when it is full, out of connections, restarting, without a table, or gives up a
// statement; then what it says of a value. Only the value is the email's fault.
func TestOnlyAnEmailsOwnFaultCounts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t, email{from: "ann@client.example", subject: "struck", id: unique(), body: "x"},
		email{from: "ann@client.example", subject: "fine", id: unique(), body: "y"})
	for _, state := range []string{"53100", "53300", "57P03", "42P01", "57014", "55P03", "XX000"} {
		d.refuseAs(t, state, "tickets", "new.subject = 'struck'")
		if err := d.inbox.Ingest(t.Context(), ids); err == nil {
			t.Fatalf("%s did not fail", state)
		}
		d.expectUntouched(t, ids[0], state)
	}
	for attempt, state := range []string{"22001", "23514", "54000", "22P05", "23505"} {
		d.refuseAs(t, state, "tickets", "new.subject = 'struck'")
		if err := d.inbox.Ingest(t.Context(), ids); err == nil {
			t.Fatalf("%s did not fail", state)
		}
		if e := d.row(t, ids[0]); e.Disposition != nil || e.Attempts != attempt+1 {
			t.Fatalf("after %s: disposition %s, %d attempts, want %d", state, text(e.Disposition), e.Attempts, attempt+1)
		}
	}
	d.ingest(t, ids...)
	d.expectOriginal(t, ids[0])
	d.expect(t, ids[1], inbox.Opened)
}

// Tried: the server ends the session in the middle of the routing, as a restart does, seven times.
func TestRestartOfTheDatabaseIsNoAttempt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t, email{from: "ann@client.example", subject: "a", id: unique(), body: "x"},
		email{from: "bob@client.example", subject: "b", id: unique(), body: "y"})
	for range more {
		hold, err := d.look.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = hold.Rollback(context.WithoutCancel(t.Context())) }()
		if _, err := hold.Exec(t.Context(), "lock table limit_counters"); err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() { result <- d.inbox.Ingest(t.Context(), ids) }()
		d.waitForBlocked(t, 1)
		d.exec(t, `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
		if err := <-result; err == nil {
			t.Fatal("the routing did not fail")
		}
		if err := hold.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			d.expectUntouched(t, id, "57P01")
		}
	}
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Opened)
	d.expect(t, ids[1], inbox.Opened)
}

// Tried: the database away after each of the first requests of the routing, so that the attempt cannot be taken
// back either; the same process goes on when it is there again.
func TestAttemptIsTakenBackWhenTheDatabaseIsThereAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t, email{from: "ann@client.example", subject: "a", id: unique(), body: "x"})
	c, through := between(t, d.urls.AppURL)
	living := d.start(t, through, rules())
	for i := range more {
		c.after(4+i, false) // the claim is committed
		if err := living.inbox.Ingest(t.Context(), ids); err == nil {
			t.Fatal("the routing did not fail")
		}
		if !c.heal() {
			t.Fatal("nothing was cut")
		}
		if e := d.row(t, ids[0]); e.Attempts > 1 {
			t.Fatalf("%d attempts after %d failures", e.Attempts, i+1)
		}
	}
	if e := d.row(t, ids[0]); e.Attempts != 1 {
		t.Fatalf("%d attempts, want the one that could not be taken back: the cuts come too early", e.Attempts)
	}
	if err := living.inbox.Ingest(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	if e := d.expect(t, ids[0], inbox.Opened); e.Attempts != 1 {
		t.Errorf("%d attempts, want 1", e.Attempts)
	}
}

// Tried: a full temp folder, a failing disk, too many open files, and the end of the job's time.
func TestTroubleOfTheMachineIsNoAttempt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ids := d.accept(t, email{from: "ann@client.example", subject: "a", id: unique(), body: "x"})
	var trouble error
	d.inbox.ReadWith(func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error) {
		if trouble != nil {
			return nil, fmt.Errorf("keep an attachment: %w", trouble)
		}
		return message.Parse(raw, l, keep)
	})
	for range 2 {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EMFILE} {
			trouble = &fs.PathError{Op: "write", Path: "/tmp/spool", Err: errno}
			if err := d.inbox.Ingest(t.Context(), ids); err == nil {
				t.Fatal("it did not fail")
			}
			d.expectUntouched(t, ids[0], errno.Error())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.inbox.ReadWith(func(raw io.Reader, l message.Limits, keep func(*message.Attachment, io.Reader) error) (*message.Email, error) {
		defer cancel()
		return message.Parse(raw, l, keep)
	})
	if err := d.inbox.Ingest(ctx, ids); err == nil {
		t.Fatal("a cancelled job did not fail")
	}
	d.expectUntouched(t, ids[0], "canceled")
	trouble = nil
	d.ingest(t, ids...)
	d.expect(t, ids[0], inbox.Opened)
}
