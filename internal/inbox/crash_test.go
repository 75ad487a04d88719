package inbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/inbox"
)

// farthest is more requests than Accept or Ingest make; a crash test that gets there tries nothing.
const farthest = 200

// Whatever moment a process dies in, before a request to the database or after it with the answer lost,
// the next process finds either nothing of the batch or all of it, and in the end each email has one row.
func TestCrashBetweenEveryPairOfStepsOfAccept(t *testing.T) {
	t.Parallel()
	for _, answerLost := range []bool{false, true} {
		t.Run(fmt.Sprintf("answer lost %t", answerLost), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			c, through := between(t, d.urls.AppURL)
			steps := 0
			for ; steps < farthest; steps++ {
				whole := strings.Repeat("more than a megabyte is stored before the row, in a transaction of its own\r\n", 16<<10)
				batch := []email{
					{from: "ann@client.example", subject: "a", id: unique(), body: "x"},
					{from: "bob@client.example", subject: "b", id: unique(), body: whole},
				}
				dying := d.start(t, through, rules())
				c.after(steps, answerLost)
				err := d.tryAccept(t, dying.inbox, batch...)
				cut := c.heal()
				dying.db.Close()
				d.readOn(t, batch)
				if !cut {
					if err != nil {
						t.Fatalf("step %d: %v without a cut", steps, err)
					}
					break
				}
			}
			if steps < 5 || steps == farthest {
				t.Fatalf("%d steps were tried", steps)
			}
			t.Logf("%d steps", steps)
			want := 2 * (steps + 1)
			if rows := one[int](t, d, "select count(*) from inbound_emails"); rows != want {
				t.Errorf("%d rows for %d emails", rows, want)
			}
			if jobs := one[int](t, d, "select count(distinct e) from river_job, jsonb_array_elements_text(args -> 'email_ids') e where kind = 'ingest_emails'"); jobs != want {
				t.Errorf("%d emails are queued for routing, want %d", jobs, want)
			}
			if lost := one[int](t, d, `select count(*) from inbound_emails e where not exists
				(select from blob_chunks b where b.sha256 = e.sha256 and b.n = 0)`); lost != 0 {
				t.Errorf("%d rows without bytes", lost)
			}
		})
	}
}

// readOn does what a poll does after a crash: it reads from the cursor on, which tells whether the batch
// is there already.
func (d *desk) readOn(t *testing.T, batch []email) {
	t.Helper()
	at := one[int64](t, d, "select last_uid from mailbox_folders where id = $1", d.folder.ID)
	rows := one[int64](t, d, "select count(*) from inbound_emails")
	if at != rows {
		t.Fatalf("the cursor is at %d with %d rows: they moved apart", at, rows)
	}
	switch at {
	case d.folder.LastUID:
		if err := d.tryAccept(t, d.inbox, batch...); err != nil {
			t.Fatal(err)
		}
	case d.folder.LastUID + int64(len(batch)):
	default:
		t.Fatalf("the cursor is at %d: a part of the batch after %d was taken", at, d.folder.LastUID)
	}
	d.folder.LastUID += int64(len(batch))
}

// The same for Ingest, with everything in one batch: a new request with a file, a reply to it, its
// duplicate, an automatic answer. After any crash and another run each email has one disposition, and
// there is one ticket, one acknowledgement, one notice and one event for each.
func TestCrashBetweenEveryPairOfStepsOfIngest(t *testing.T) {
	t.Parallel()
	for _, answerLost := range []bool{false, true} {
		t.Run(fmt.Sprintf("answer lost %t", answerLost), func(t *testing.T) {
			t.Parallel()
			r := rules()
			r.TicketsPerSender, r.AcksPerWindow = 1000, 1000
			d := newDeskWith(t, r)
			c, through := between(t, d.urls.AppURL)
			steps := 0
			for ; steps < farthest; steps++ {
				ids := d.accept(t, entangled()...)
				dying := d.start(t, through, r)
				c.after(steps, answerLost)
				run := dying.inbox.IngestFirst
				if steps%2 == 0 {
					run = dying.inbox.Ingest
				}
				err := run(t.Context(), ids)
				cut := c.heal()
				dying.db.Close()
				d.ingest(t, ids...)
				d.ingest(t, ids...) // a reply that met its parent unrouted was put off
				d.expectEntangled(t, ids)
				if !cut {
					if err != nil {
						t.Fatalf("step %d: %v without a cut", steps, err)
					}
					break
				}
			}
			if steps < 20 || steps == farthest {
				t.Fatalf("%d steps were tried", steps)
			}
			t.Logf("%d steps", steps)
			d.expectTotals(t, steps+1)
		})
	}
}

// entangled is a batch whose emails depend on each other.
func entangled() []email {
	parent := unique()
	request := email{from: "Ann <" + parent + ">", subject: "request", id: parent,
		extra: "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n",
		body: "--b\r\nContent-Type: text/plain\r\n\r\nPlease help.\r\n--b\r\nContent-Disposition: attachment; filename=a.bin\r\n\r\n" +
			parent + "\r\n--b--\r\n"}
	return []email{
		{from: parent, subject: "Re: request", id: unique(), inReplyTo: parent, body: "more"},
		request,
		request,
		{from: "noone@other.example", subject: "Out of office: x", id: unique(), extra: "Auto-Submitted: auto-replied\r\n", body: "away"},
	}
}

func (d *desk) expectEntangled(t *testing.T, ids []int64) {
	t.Helper()
	opened := d.expect(t, ids[1], inbox.Opened)
	for i, want := range map[int]string{0: inbox.Replied, 2: inbox.Duplicate} {
		if e := d.expect(t, ids[i], want); e.TicketID != opened.TicketID {
			t.Fatalf("email %d went to ticket %v, its parent to %v", i, e.TicketID, opened.TicketID)
		}
	}
	d.expect(t, ids[3], inbox.AutoReply)
	full := d.full(t, opened.TicketID.UUID)
	if len(full.Messages) != 2 || full.Ticket.Messages != 2 || len(full.Attachments) != 1 {
		t.Fatalf("%d messages (counted %d) and %d attachments, want 2 and 1", len(full.Messages), full.Ticket.Messages, len(full.Attachments))
	}
	kinds := column[string](t, d, "select kind from letters where ticket_id = $1 order by kind", opened.TicketID)
	if !slices.Equal(kinds, []string{"acknowledgement", "notice"}) {
		t.Fatalf("letters %v", kinds)
	}
	events := column[string](t, d, "select type from webhook_events where subject_id = $1 order by sequence", opened.TicketID.UUID.String())
	if !slices.Equal(events, []string{"ticket.opened", "ticket.replied"}) {
		t.Fatalf("events %v", events)
	}
}

// expectTotals finds what a half-done attempt may have left behind unnoticed.
func (d *desk) expectTotals(t *testing.T, batches int) {
	t.Helper()
	for what, per := range map[string]int{
		"select count(*) from tickets":                                                         1,
		"select count(*) from messages":                                                        2,
		"select count(*) from attachments":                                                     1,
		"select count(*) from letters":                                                         2,
		"select count(*) from letter_bytes":                                                    2,
		"select count(*) from email_keys":                                                      3,
		"select count(*) from river_job where kind = 'send_letter'":                            2,
		"select count(*) from audit_entries where kind = 'ticket.opened'":                      1,
		"select count(*) from audit_entries where kind = 'email.set_aside'":                    2,
		"select count(*) from webhook_events":                                                  3, // the contact's too
		"select count(*) from audit_entries a join webhook_events w on w.id = a.event_id":      3,
		"select count(*) from inbound_emails where disposition is not null and reason <> ''":   4,
		"select coalesce(sum(taken), 0) from limit_counters where key like 'ticket:%'":         1,
		"select count(*) from contacts where client_id is null and email_norm like '%client%'": 1,
	} {
		if got := one[int](t, d, what); got != per*batches {
			t.Errorf("%d, want %d each for %d batches: %s", got, per, batches, what)
		}
	}
}
