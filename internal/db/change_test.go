package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/jobs"
)

// onboard changes a client, records one private and one public event, and enqueues a job.
func onboard(tx *Tx, id uuid.UUID) {
	tx.Queue(sqlAddClient, id, "Acme")
	tx.Record(event.Event{Kind: event.ClientCreated, ClientID: id, SubjectID: id.String(), Sequence: 1, Label: "Acme", Detail: map[string]any{"was": "nothing"}})
	tx.Record(event.Event{Kind: event.ContactCreated, SubjectID: "ann", Sequence: 7, Data: map[string]any{"name": "Ann"}})
	tx.Enqueue(jobs.SendLetter{LetterID: "x"})
}

func TestRow016_ChangeCommitsItsRecord(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	id, at := NewID(), time.Time{}
	must(t, s.Change(soon(t), tester, func(tx *Tx) error {
		onboard(tx, id)
		at = tx.Now()
		return nil
	}))
	if got := s.left(); got != "1 2 1 1 0" {
		t.Errorf("clients, entries, events, jobs: %s", got)
	}
	for what, c := range map[string]struct{ sql, want string }{
		"who, what, which, when": {`select concat_ws('|', kind, module, action, actor_kind, actor_id, actor_name, on_behalf_of, client_id, subject_id,
			label, detail, extract(epoch from at)::numeric(20, 6)) from audit_entries where kind = 'client.created'`,
			fmt.Sprintf(`client.created|clients|create|cli|test|Tess Ter|boss|%s|%s|Acme|{"was": "nothing"}|%d.%06d`, id, id, at.Unix(), at.Nanosecond()/1000)},
		"entry without client or detail": {`select concat_ws('|', coalesce(client_id::text, 'none'), detail, label) from audit_entries where kind = 'contact.created'`, "none|{}|"},
		"event under the entry's id": {`select concat_ws('|', w.type, w.subject_id, w.sequence, w.data, w.at = a.at, w.client_id is null)
			from webhook_events w join audit_entries a on a.event_id = w.id`, `contact.created|ann|7|{"name": "Ann"}|t|t`},
		"job": {`select concat_ws('|', kind, queue, args, state) from river_job`, `send_letter|letters|{"letter_id": "x"}|available`},
	} {
		if got := s.text(c.sql); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", what, got, c.want)
		}
	}
}

// Tried: every way in which a change can fail, over one connection. Nothing of it may stay, and the next
// transaction must find the connection clean.
func TestRow016_FailedChangeLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	s.test.Fixture(t, `create table late (id uuid references clients deferrable initially deferred); grant insert on late to postern_app`)
	taken := s.clients("taken")[0]
	before := s.left()
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(soon(t))
	for _, c := range []struct {
		name string
		ctx  context.Context
		fn   func(*Tx) error
		want func(error) bool
	}{
		{"error of fn", nil, func(*Tx) error { return broken }, is(broken)},
		{"nothing recorded", nil, func(tx *Tx) error { tx.events = nil; return nil }, is(ErrUnrecorded)},
		{"nothing to change", nil, func(*Tx) error { return fmt.Errorf("already so: %w", NoChange) }, is(nil)},
		{"violation at the flush", nil, func(tx *Tx) error { tx.Queue(sqlAddClient, taken, "again"); return nil }, violates("clients_pkey")},
		{"violation that fn ignored", nil, func(tx *Tx) error { _, _ = tx.Exec(sqlAddClient, taken, "again"); return nil }, isCode("25P02")},
		{"violation at the commit", nil, func(tx *Tx) error { tx.Queue(`insert into late values (gen_random_uuid())`); return nil }, violates("late_id_fkey")},
		{"kind outside the catalogue", nil, func(tx *Tx) error { tx.Record(event.Event{Kind: "no.such"}); return nil }, says("catalogue")},
		{"detail that is no JSON", nil, func(tx *Tx) error {
			tx.Record(event.Event{Kind: event.ClientCreated, Detail: func() {}})
			return nil
		}, says("detail of client.created")},
		{"data that is no JSON", nil, func(tx *Tx) error {
			tx.Record(event.Event{Kind: event.ContactCreated, Data: func() {}})
			return nil
		}, says("data of contact.created")},
		{"job that cannot be stored", nil, func(tx *Tx) error { tx.Enqueue(unstorable{}); return nil }, says("enqueue")},
		{"query left open", nil, func(tx *Tx) error { _, _ = tx.Query(`select generate_series(1, 100000)`); return broken }, is(broken)},
		{"end of the context", ctx, func(*Tx) error { cancel(); return nil }, is(context.Canceled)},
	} {
		if c.ctx == nil {
			c.ctx = soon(t)
		}
		err := s.Change(c.ctx, tester, func(tx *Tx) error {
			onboard(tx, NewID())
			return c.fn(tx)
		})
		if !c.want(err) {
			t.Errorf("%s: unexpected error %v", c.name, err)
		}
		if got := s.left(); got != before {
			t.Errorf("%s: left %s, before %s", c.name, got, before)
		}
	}
}

func is(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }

func violates(constraint string) func(error) bool {
	return func(err error) bool { return Violates(err, constraint) && !Violates(err, "another") }
}

func isCode(code string) func(error) bool {
	return func(err error) bool {
		var pg *pgconn.PgError
		return errors.As(err, &pg) && pg.Code == code
	}
}

func says(words string) func(error) bool {
	return func(err error) bool { return err != nil && strings.Contains(err.Error(), words) }
}

type unstorable struct {
	C chan int `json:"c"`
}

func (unstorable) Kind() string { return "unstorable" }

func TestPanicRollsBackAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	for name, begin := range map[string]func(func(*Tx) error) error{
		"Change":   func(fn func(*Tx) error) error { return s.Change(soon(t), tester, fn) },
		"Bookkeep": func(fn func(*Tx) error) error { return s.Bookkeep(soon(t), "test", fn) },
	} {
		func() {
			defer func() {
				if recover() != "oops" {
					t.Errorf("%s swallowed the panic", name)
				}
			}()
			_ = begin(func(tx *Tx) error {
				onboard(tx, NewID())
				must(t, tx.flush())
				panic("oops")
			})
		}()
		if got := s.left(); got != "0 0 0 0 0" {
			t.Errorf("%s: left %s", name, got)
		}
	}
	func() {
		defer func() { _ = recover() }()
		_ = s.View(soon(t), tester, func(*View) error { panic("oops") })
	}()
	s.clients("after") // over the only connection
}

func TestBookkeepTakesJobsAndNoEvents(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	must(t, s.Bookkeep(soon(t), "outbox", func(tx *Tx) error {
		if got := tx.Actor(); got != event.System("outbox") {
			t.Errorf("acts as %+v", got)
		}
		tx.EnqueueAt(jobs.SendLetter{LetterID: "later"}, at)
		return nil
	}))
	if got := s.text(`select concat_ws(' ', state, queue, scheduled_at = $1) from river_job`, at); got != "scheduled letters t" {
		t.Errorf("job: %s", got)
	}
	err := s.Bookkeep(soon(t), "outbox", func(tx *Tx) error {
		tx.Enqueue(jobs.Purge{})
		tx.Record(event.Event{Kind: event.ClientCreated, SubjectID: "x"})
		return nil
	})
	if !errors.Is(err, ErrNotBusiness) || s.left() != "0 0 0 1 0" {
		t.Errorf("an event in Bookkeep: %v, left %s", err, s.left())
	}
	err = s.Bookkeep(soon(t), "outbox", func(tx *Tx) error {
		_, _ = tx.Exec(`select 1 / 0`)
		return nil // the server turns this commit into a rollback
	})
	if !says("rolled the transaction back")(err) {
		t.Errorf("a commit that rolled back: %v", err)
	}
	if err := s.Bookkeep(soon(t), "test", func(tx *Tx) error { tx.Queue(sqlAddClient, NewID(), "x"); return nil }); !says("unrecorded")(err) {
		t.Errorf("business state by Bookkeep: %v", err)
	}
}

// Tried: every way to read after a queued write, and writes that depend on one another.
func TestQueuedWritesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	id := NewID()
	name := func(tx *Tx) (out string) {
		must(t, tx.QueryRow(`select name from clients where id = $1`, id).Scan(&out))
		return out
	}
	must(t, s.Change(soon(t), tester, func(tx *Tx) error {
		tx.Record(event.Event{Kind: event.ClientCreated, SubjectID: id.String()})
		tx.Queue(sqlAddClient, id, "1")
		tx.Queue(`update clients set name = name || '2'`)
		if got := name(tx); got != "12" {
			t.Errorf("QueryRow sees %q", got)
		}
		tx.Queue(`update clients set name = name || '3'`)
		if all, err := Column[string](tx, `select name from clients`); err != nil || all[0] != "123" {
			t.Errorf("Query sees %q: %v", all, err)
		}
		tx.Queue(`update clients set name = name || '4'`)
		tag, err := tx.Exec(`update clients set name = name || '5' where name = '1234'`)
		if err != nil || tag.RowsAffected() != 1 {
			t.Errorf("Exec met %d rows: %v", tag.RowsAffected(), err)
		}
		tx.Queue(`update clients set name = name || '6'`)
		return nil
	}))
	if got := s.text(`select name from clients`); got != "123456" {
		t.Errorf("committed %q", got)
	}
	for how, read := range map[string]func(*Tx) error{
		"QueryRow": func(tx *Tx) error { return tx.QueryRow(`select 1`).Scan(new(int)) },
		"Query":    func(tx *Tx) error { _, err := Column[int](tx, `select 1`); return err },
		"All": func(tx *Tx) error {
			_, err := All[struct{ N int }](tx, `select 1 as n`)
			return err
		},
		"One":    func(tx *Tx) error { _, _, err := One[struct{ N int }](tx, `select 1 as n`); return err },
		"Exec":   func(tx *Tx) error { _, err := tx.Exec(`select 1`); return err },
		"commit": func(*Tx) error { return nil },
	} {
		err := s.Bookkeep(soon(t), "test", func(tx *Tx) error {
			tx.Queue(sqlAddClient, id, "again")
			tx.Queue(`select 1`)
			return read(tx)
		})
		if !Violates(err, "clients_pkey") {
			t.Errorf("the queued write's error at %s: %v", how, err)
		}
	}
}

func TestOneTellsNoRowFromError(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	type row struct{ N int }
	must(t, s.View(soon(t), tester, func(v *View) error {
		if got, ok, err := One[row](v, `select 7 as n`); got.N != 7 || !ok || err != nil {
			t.Errorf("one row: %v %v %v", got, ok, err)
		}
		if _, ok, err := One[row](v, `select 7 as n where false`); ok || err != nil {
			t.Errorf("no row: %v %v", ok, err)
		}
		if _, ok, err := One[row](v, `select 7 as other`); ok || err == nil {
			t.Errorf("a column without a field: %v %v", ok, err)
		}
		if _, ok, err := One[row](v, `select 1 / 0 as n`); ok || !isCode("22012")(err) {
			t.Errorf("a failing row: %v %v", ok, err)
		}
		return nil
	}))
}

func TestNowIsTheTransactions(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	check := func(r Reader) {
		first := r.Now()
		for range 2 {
			var now time.Time
			must(t, r.QueryRow(`select now() from pg_sleep(0.01)`).Scan(&now))
			if !now.Equal(first) || r.Now() != first || first.Location() != time.UTC {
				t.Errorf("Now %v, now() %v", r.Now(), now)
			}
		}
		if d := time.Since(first); d < 0 || d > time.Minute {
			t.Errorf("the time is %v old", d)
		}
	}
	must(t, s.View(soon(t), tester, func(v *View) error { check(v); return nil }))
	must(t, s.Bookkeep(soon(t), "test", func(tx *Tx) error { check(tx); return nil }))
}

// Tried: a batch in which three people act.
func TestEachEntryHasItsActor(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	must(t, s.Change(soon(t), tester, func(tx *Tx) error {
		tx.Record(event.Event{Kind: event.ClientUpdated, SubjectID: "1"})
		for _, who := range []string{"ann", "bob"} {
			tx.As(event.Actor{Kind: "email", ID: who, Name: strings.ToUpper(who), Realm: event.Staff})
			if tx.Actor().ID != who {
				t.Errorf("acts as %s, not %s", tx.Actor().ID, who)
			}
			tx.Record(event.Event{Kind: event.ClientUpdated, SubjectID: "1"})
		}
		return nil
	}))
	if got := s.text(`select string_agg(actor_name || coalesce('/' || on_behalf_of, ''), ' ' order by seq) from audit_entries`); got != "Tess Ter/boss ANN BOB" {
		t.Errorf("acted: %s", got)
	}
}

func TestViewIsReadOnly(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	for _, sql := range []string{
		`insert into clients (id, name) values (gen_random_uuid(), 'x') returning 1`,
		`select nextval('ticket_numbers')::integer`,
		`select ensure_partitions(24)`,
	} {
		err := s.View(soon(t), tester, func(v *View) error { return v.QueryRow(sql).Scan(new(int)) })
		if !isCode("25006")(err) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	broken := errors.New("broken")
	if err := s.View(soon(t), tester, func(*View) error { return broken }); err != broken {
		t.Errorf("fn's error came as %v", err)
	}
	err := s.View(soon(t), tester, func(v *View) error { return v.QueryRow(`select 1 where false`).Scan(new(int)) })
	if !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("no rows: %v", err)
	}
}

// Tried: polls of two mailboxes while one of them waits, runs and is done.
func TestOnePollOfAMailboxWaitsAtATime(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	for _, c := range []struct {
		state, finished string
		want            string
	}{
		{"", "null", "a b"}, {"running", "null", "a b"}, {"retryable", "null", "a b"}, {"completed", "now()", "a a b b"}, {"cancelled", "now()", "a a a b b b"},
	} {
		if c.state != "" {
			s.test.Fixture(t, `update river_job set state = '`+c.state+`', attempted_at = now(), finalized_at = `+c.finished)
		}
		must(t, s.Bookkeep(soon(t), "test", func(tx *Tx) error {
			for _, id := range []string{"a", "b", "a"} {
				tx.Enqueue(jobs.PollMailbox{MailboxID: id})
			}
			return nil
		}))
		if got := s.text(`select string_agg(args ->> 'mailbox_id', ' ' order by args ->> 'mailbox_id') from river_job where kind = 'poll_mailbox'`); got != c.want {
			t.Errorf("beside %q jobs: %s, want %s", c.state, got, c.want)
		}
	}
}

// Tried: moments of the past, of this second, and beyond both ends of what a UUIDv7 holds.
func TestIDsOfThePastSortByTheirTime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	moments := []time.Time{{}, time.Unix(1, 0), now.Add(-time.Hour), now.Add(-time.Millisecond * 5), now.Add(time.Hour), time.UnixMilli(1 << 60)}
	before := ""
	for _, at := range moments {
		id := NewIDOf(at)
		if id.Version() != 7 || id.String() <= before {
			t.Errorf("%s: %s after %s", at, id, before)
		}
		before = id.String()
	}
	if one, other := NewIDOf(now), NewIDOf(now); one == other {
		t.Error("two ids of one moment are the same")
	}
}
