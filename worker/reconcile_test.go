package worker_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/worker"
)

// compare compares the desk's mailbox now and returns the report of its only folder.
func (d *desk) compare(t *testing.T) inbox.Report {
	t.Helper()
	reports, err := worker.Compare(t.Context(), worker.Deps{DB: d.db, Blobs: d.blobs, Mailboxes: d.boxes, Inbox: d.inbox,
		Log: slog.New(slog.NewTextHandler(d.log, nil))}, d.set, d.box.ID)
	if err != nil || len(reports) != 1 {
		t.Fatalf("%d reports: %v", len(reports), err)
	}
	return reports[0]
}

// found is the report in a line: the server's number, the ledger's, then each difference with its UIDs.
func found(r inbox.Report) string {
	var parts []string
	for _, f := range r.Differences {
		var uids []string
		for _, n := range f.First {
			uids = append(uids, fmt.Sprint(n.UID))
		}
		parts = append(parts, fmt.Sprintf("%s %d (%s)", f.Kind, f.Count, strings.Join(uids, " ")))
	}
	slices.Sort(parts)
	return strings.Join(append([]string{fmt.Sprintf("%d/%d", r.Server, r.Ledger)}, parts...), ", ")
}

func emails(n int) []email {
	out := make([]email, n)
	for i := range out {
		out[i] = email{from: fmt.Sprintf("p%d@client.example", i), subject: fmt.Sprint("email ", i+1), id: unique(), body: "x"}
	}
	return out
}

// comparisons is how many are in the audit trail.
func comparisons(t *testing.T, d *desk) int {
	return one[int](t, d, "select count(*) from audit_entries where kind = 'mailbox.compared'")
}

// Tried: rows taken from the ledger behind its back, an email that appeared far below the cursor, and one that no
// poll has read yet.
func TestComparisonTakesInWhatIsMissing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.BatchMessages = 2
	d.work(t)
	d.put(t, emails(6)...)
	if got := found(d.compare(t)); got != "6/6" || comparisons(t, d) != 0 {
		t.Errorf("nothing differs: %s, %d in the audit trail", got, comparisons(t, d))
	}
	d.exec(t, `set session_replication_role = replica; delete from email_keys where email_id in (select id from inbound_emails where uid in (2, 4, 5));
		delete from messages where email_id in (select id from inbound_emails where uid in (2, 4, 5)); delete from inbound_emails where uid in (2, 4, 5);
		update mailbox_folders set last_uid = 7; reset session_replication_role`)
	d.deliver(t, "INBOX", time.Now(), emails(2)...) // UID 7, below the cursor, and 8
	if got, want := found(d.compare(t)), "8/3, missing 4 (2 4 5 7), unread 1 (8)"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	d.quiet(t)
	if uids := column[int64](t, d, "select uid from inbound_emails where disposition = 'opened' order by uid"); !slices.Equal(uids, []int64{1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("opened: %v", uids)
	}
	if at := one[int64](t, d, "select last_uid from mailbox_folders"); at != 7 || comparisons(t, d) != 1 {
		t.Errorf("the cursor is at %d, %d comparisons in the audit trail", at, comparisons(t, d))
	}
	d.poll(t)
	if got := found(d.compare(t)); got != "8/8" {
		t.Errorf("the next time: %s", got)
	}
	reports, err := d.inbox.LastReports(t.Context(), staffActor(), d.box.ID)
	if err != nil || len(reports) != 1 || found(reports[0]) != "8/8" || reports[0].Folder != "INBOX" {
		t.Errorf("kept: %+v, %v", reports, err)
	}
}

// Tried: emails deleted on the server, rows that nobody routed, bytes that are gone, another size, another date.
func TestComparisonNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.work(t)
	d.put(t, emails(5)...)
	d.exec(t, `set session_replication_role = replica;
		update inbound_emails set disposition = null, reason = null, processed_at = null, attempts = 9, accepted_at = now() - interval '2 hours',
			waits_for = 1 where uid = 2;
		update inbound_emails set disposition = null, reason = null, processed_at = null, waits_for = null where uid = 1;
		delete from blob_chunks where sha256 = (select sha256 from inbound_emails where uid = 3);
		update inbound_emails set size = size + 1 where uid = 4; update inbound_emails set internal_date = internal_date - interval '1 hour' where uid = 5;
		reset session_replication_role`)
	if got, want := found(d.compare(t)), "5/5, bytes_missing 1 (3), changed 2 (4 5), undecided 1 (2)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := one[string](t, d, "select detail ->> 'differences' from audit_entries where kind = 'mailbox.compared'"); got != `{"undecided": 1, "bytes_missing": 1}` {
		t.Errorf("the record says %s", got)
	}
	must(t, dovecot.Empty(d.user, "INBOX"))
	if got, want := found(d.compare(t)), "0/5, bytes_missing 1 (3), gone 5 (1 2 3 4 5), undecided 1 (2)"; got != want {
		t.Errorf("emptied: %s, want %s", got, want)
	}
}

// Tried: a UID that bears another email than the ledger knows, far below the cursor where polls do not look, and a
// folder that was made anew.
func TestComparisonReadsAFolderAnewWhoseUIDsWereReused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.work(t)
	d.put(t, emails(3)...)
	d.exec(t, `update inbound_emails set size = size + 1, internal_date = internal_date - interval '1 day' where uid = 2`)
	if got, want := found(d.compare(t)), "3/3, replaced 1 (2)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	d.poll(t)
	d.expect(t, "opened 1", "opened 2", "opened 3", "duplicate 1", "duplicate 2", "duplicate 3")
	d.exec(t, "update mailbox_folders set uidvalidity = uidvalidity - 1")
	if got, want := found(d.compare(t)), "3/0, renumbered 3 ()"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Tried: a night's asking, twice, and of a mailbox that is paused.
func TestEveryMailboxIsComparedOnceANight(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.work(t)
	d.put(t, emails(1)...)
	d.enqueue(t, jobs.CompareMailboxes{})
	d.eventually(t, 20*time.Second, "a report is there", "select count(*) = 1 from mailbox_reports")
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for at, want := range map[string]int{"03:00": 0, "01:00": 1} { // the report's hour: this night's, or before it
		d.exec(t, "update mailbox_reports set at = $1::timestamptz", "2026-11-22T"+at+":00Z")
		if n, err := d.inbox.QueueComparisons(t.Context(), noon); n != want || err != nil {
			t.Errorf("a report of %s: %d asked for, want %d: %v", at, n, want, err)
		}
	}
	d.exec(t, "set session_replication_role = replica; update mailboxes set paused = true; reset session_replication_role")
	if n, err := d.inbox.QueueComparisons(t.Context(), noon.AddDate(1, 0, 0)); n != 0 || err != nil {
		t.Errorf("paused: %d asked for: %v", n, err)
	}
}

// Tried: one process works the queues, another one reads the mailbox; and one that asks for itself while the other
// holds the lease.
func TestComparisonIsWorkedWhereTheMailboxIsRead(t *testing.T) {
	t.Parallel()
	d := watched(t)
	d.set.Works, d.set.Watches = false, true
	holder, _ := d.watcher(t)
	d.held(t, holder, 1, 10*time.Second)
	d.set.Works, d.set.Watches = true, false
	d.work(t)
	d.deliver(t, "INBOX", time.Now(), emails(1)...)
	d.wantTickets(t, 20*time.Second, 1)
	d.set.Process = "somebody else"
	if _, err := worker.Compare(t.Context(), worker.Deps{DB: d.db, Mailboxes: d.boxes, Inbox: d.inbox}, d.set, d.box.ID); err == nil || !strings.Contains(err.Error(), "another process reads") {
		t.Errorf("beside the holder: %v", err)
	}
	d.enqueue(t, jobs.CompareMailbox{MailboxID: d.box.ID.String()})
	d.eventually(t, 20*time.Second, "a report is there and its jobs are over", `select (select count(*) from mailbox_reports) = 1 and
		not exists (select from river_job where kind = 'compare_mailbox' and state in ('available', 'running'))`)
	got := column[string](t, d, "select queue || ' ' || state from river_job where kind = 'compare_mailbox' order by id")
	if want := []string{"upkeep completed", jobs.WatchQueue(holder) + " completed"}; !slices.Equal(got, want) {
		t.Errorf("worked as %q, want %q", got, want)
	}
}
