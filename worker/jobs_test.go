package worker_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
)

// rawArgs queues a job again exactly as it was stored.
type rawArgs struct {
	kind  string
	queue string
	args  json.RawMessage
}

func (r rawArgs) Kind() string                 { return r.kind }
func (r rawArgs) MarshalJSON() ([]byte, error) { return r.args, nil }
func (r rawArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: r.queue, MaxAttempts: 1}
}

// Every kind that may be queued has a worker here.
func TestEveryKindHasAWorker(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.work(t)
	for _, args := range jobs.All() {
		stored, err := json.Marshal(args)
		must(t, err)
		d.enqueue(t, rawArgs{args.Kind(), jobs.Inbound, stored})
	}
	d.eventually(t, 20*time.Second, "all have been tried", "select count(*) = 0 from river_job where state not in ('completed', 'cancelled', 'discarded')")
	for _, args := range jobs.All() {
		for _, e := range column[string](t, d, "select coalesce(errors::text, '') from river_job where kind = $1", args.Kind()) {
			if strings.Contains(e, "not registered") || strings.Contains(e, "UnknownJobKind") {
				t.Errorf("%s has no worker: %s", args.Kind(), e)
			}
		}
	}
	d.enqueue(t, rawArgs{"no_such_kind", jobs.Inbound, json.RawMessage("{}")})
	d.eventually(t, 20*time.Second, "a kind without a worker says so", "select exists (select from river_job where kind = 'no_such_kind' and errors::text like '%not registered%')")
}

// books are the tables that say what the desk knows and owes.
var books = []string{"inbound_emails", "tickets", "messages", "attachments", "letters", "letter_bytes", "contacts", "audit_entries",
	"webhook_events", "participants", "reply_tokens", "email_keys", "mailbox_folders", "blob_chunks"}

// shot is a table's content as one hash.
func (d *desk) shot(t *testing.T, table string) [32]byte {
	t.Helper()
	rows := column[string](t, d, "select (to_jsonb(x) - 'polled_at')::text from "+table+" x order by 1")
	return sha256.Sum256([]byte(strings.Join(rows, "\n")))
}

// Every job that has run is queued once more, as the queue does after a crash: nothing changes and
// nobody gets a letter twice.
func TestSecondRunOfEveryKindIsHarmless(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	seen := mailboxes.AfterSeen
	d.update(t, mailboxes.Fields{After: &seen})
	d.work(t)
	d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"},
		email{from: "bob@client.example", subject: "away", id: unique(), extra: gmailAway, body: "y"})
	d.poll(t)
	d.answer(t, 1)
	d.eventually(t, 30*time.Second, "every kind has run",
		fmt.Sprintf("select count(distinct kind) = %d from river_job where state = 'completed'", len(jobs.All())))
	before := map[string][32]byte{}
	for _, table := range books {
		before[table] = d.shot(t, table)
	}
	rows, err := d.look.Query(t.Context(), "select kind, queue, args from river_job where state = 'completed'")
	must(t, err)
	var again []rawArgs
	var kinds []string
	for rows.Next() {
		var r rawArgs
		must(t, rows.Scan(&r.kind, &r.queue, &r.args))
		again, kinds = append(again, r), append(kinds, r.kind)
	}
	must(t, rows.Err())
	for _, args := range jobs.All() {
		if !slices.Contains(kinds, args.Kind()) {
			t.Errorf("%s has not run: its second run proves nothing", args.Kind())
		}
	}
	for _, r := range again {
		d.enqueue(t, r)
	}
	d.eventually(t, 20*time.Second, "all have run again", "select count(*) = 0 from river_job where state not in ('completed', 'cancelled', 'discarded')")
	if failed := column[string](t, d, "select kind || errors::text from river_job where state <> 'completed'"); len(failed) > 0 {
		t.Errorf("second runs failed: %v", failed)
	}
	for _, table := range books {
		if d.shot(t, table) != before[table] {
			t.Errorf("the second run changed %s", table)
		}
	}
	d.expectLetters(t, "acknowledgement "+annAt, "answer "+annAt, "notice "+staffAt)
}

// The sweeps find an email and a letter that lost their jobs, without being asked.
func TestSweepsFindWhatLostItsJob(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w, _ := d.process(t)
	must(t, w.Start(t.Context()))
	d.put(t, email{from: ann, subject: "a", id: unique(), body: "x"})
	stop(t, w)
	// As if the jobs of a letter and of a second copy of the email had been lost.
	d.exec(t, "delete from river_job")
	d.exec(t, "update letters set state = 'queued', next_attempt_at = now() - interval '5 minutes', sent_at = null where kind = 'notice'")
	d.exec(t, `insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, sha256, message_id, accepted_at)
		select mailbox_id, folder_id, uidvalidity, generation, uid + 1, size, internal_date, sha256, message_id, now() - interval '5 minutes' from inbound_emails`)
	d.work(t)
	d.eventually(t, 30*time.Second, "the email has its disposition", "select count(*) = 0 from inbound_emails where disposition is null")
	d.eventually(t, 30*time.Second, "the letter is sent", "select count(*) = 0 from letters where state <> 'sent'")
	d.expect(t, "opened 1", "duplicate 1")
}

// The purge drops what the settings no longer keep, and nothing else.
func TestPurgeKeepsToTheSettings(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w, _ := d.process(t)
	must(t, w.Start(t.Context()))
	d.put(t, email{from: ann, subject: "old", id: unique(), body: "x"})
	d.put(t, email{from: "bob@client.example", subject: "new", id: unique(), body: "y"})
	stop(t, w)
	d.exec(t, "delete from river_job")
	d.exec(t, "update inbound_emails set processed_at = now() - interval '366 days' where subject = 'old'")
	d.exec(t, "update letters set sent_at = now() - interval '8 days', next_attempt_at = now() - interval '8 days' where recipients = array['ann@client.example']")
	d.exec(t, "update letter_bytes set created_at = now() - interval '8 days' where letter_id in (select id from letters where recipients = array['ann@client.example'])")
	d.exec(t, "update blob_chunks set created_at = now() - interval '2 days'")
	d.exec(t, "insert into idempotency_keys (actor_id, key, request_hash, created_at) select 'a', n::text, '', now() - make_interval(hours => 25 * (n % 2)) from generate_series(1, 5001) n")
	d.exec(t, "insert into awaited_parents select n || '@x', (select min(id::text) from tickets)::uuid, now() - make_interval(days => 50 * n) from generate_series(1, 2) n")
	d.exec(t, "insert into limit_counters values ('stale', now() - interval '3 days', 1), ('fresh', now(), 1)")
	d.work(t)
	d.eventually(t, 30*time.Second, "the purge has run", "select exists (select from river_job where kind = 'purge' and state = 'completed')")
	for what, want := range map[string]int{
		"select count(*) from inbound_emails":                                 2,
		"select count(*) from inbound_emails where sha256 is not null":        1,
		"select count(*) from blob_chunks":                                    1,
		"select count(*) from letters":                                        4,
		"select count(*) from letter_bytes":                                   3,
		"select count(*) from limit_counters where key in ('stale', 'fresh')": 1,
		"select count(*) from messages where body <> ''":                      2,
		"select count(*) from idempotency_keys":                               2500, // more than one batch went
		"select count(*) from awaited_parents":                                1,
	} {
		if got := one[int](t, d, what); got != want {
			t.Errorf("%d, want %d: %s", got, want, what)
		}
	}
}

// Settings that name no period purge nothing: not what is old, and not what is a moment old.
func TestPurgeWithoutPeriodsKeepsAll(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.set.Keep.RawEmailDays, d.set.Keep.LetterDays = 0, 0
	w, _ := d.process(t)
	must(t, w.Start(t.Context()))
	d.put(t, email{from: ann, subject: "old", id: unique(), body: "x"})
	stop(t, w)
	d.exec(t, "delete from river_job")
	d.exec(t, "update inbound_emails set processed_at = now() - interval '10 years'")
	d.exec(t, "update letters set sent_at = now() - interval '10 years', next_attempt_at = now() - interval '10 years'")
	d.exec(t, "update letter_bytes set created_at = now() - interval '10 years'")
	d.work(t)
	d.eventually(t, 30*time.Second, "the purge has run", "select exists (select from river_job where kind = 'purge' and state = 'completed')")
	for what, want := range map[string]int{
		"select count(*) from inbound_emails where sha256 is not null": 1,
		"select count(*) from letter_bytes":                            2,
	} {
		if got := one[int](t, d, what); got != want {
			t.Errorf("%d, want %d: %s", got, want, what)
		}
	}
}
