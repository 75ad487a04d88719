package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

const (
	// fresh is how long an answer of the database serves every scrape.
	fresh = 5 * time.Second
	// share bounds what the questions cost on a large desk: what took a second is asked again after a hundred.
	share = 100
	// patience gives up a database that does not answer while the rest is still wanted.
	patience = 3 * time.Second
)

// Few jobs wait or run; the finished ones are not looked at. Queues of single processes count as one.
const sqlQueues = `
select case when queue in ('inbound', 'letters', 'webhooks', 'upkeep') then queue else 'watch' end as queue, state::text,
    count(*)::double precision, coalesce(extract(epoch from now() - min(scheduled_at)), 0)::double precision
from river_job where state in ('available', 'running', 'retryable', 'scheduled', 'pending') group by 1, 2`

// Both read an index alone.
const (
	sqlEmails  = `select coalesce(disposition, 'pending'), count(*)::double precision from inbound_emails group by 1`
	sqlLetters = `select state, count(*)::double precision from letters group by 1`
)

const sqlFailing = `
select m.id::text, coalesce(max(extract(epoch from now() - f.failing_since)), 0)::double precision
from mailboxes m left join mailbox_folders f on f.mailbox_id = m.id and f.name = any(m.folders)
where not m.paused group by m.id order by m.id limit 1000`

const sqlOldestPending = `
select coalesce(extract(epoch from now() - min(accepted_at)), 0)::double precision from (
    select accepted_at from inbound_emails where disposition is null order by id limit 1) oldest`

const sqlProcesses = `select count(*)::double precision from processes where beat_at > now() - interval '5 seconds'`

// desk asks the database how the desk stands; every process tells the same.
type desk struct {
	db *db.DB

	mu    sync.Mutex
	again time.Time
	last  []*Family
}

// look returns what the database said lately, or asks.
func (d *desk) look(ctx context.Context) []*Family {
	d.mu.Lock()
	defer d.mu.Unlock()
	began := time.Now()
	if began.Before(d.again) {
		return d.last
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	up := Gauge("postern_database_up", "1 where the database answered the questions of this page.")
	families, err := d.ask(ctx)
	if err != nil {
		families = nil
		up.Set(0)
	} else {
		up.Set(1)
	}
	d.last, d.again = append(families, up), time.Now().Add(max(fresh, share*time.Since(began)))
	if err != nil {
		d.again = time.Now() // what is down is asked again at once
	}
	return d.last
}

func (d *desk) ask(ctx context.Context) ([]*Family, error) {
	waiting := Gauge("postern_queue_jobs", "Jobs that are not finished.", "queue", "state")
	oldest := Gauge("postern_queue_oldest_seconds", "How long the oldest job waits that could run.", "queue")
	for _, queue := range []string{"inbound", "letters", "webhooks", "upkeep", "watch"} {
		oldest.Set(0, queue)
	}
	emails := Gauge("postern_inbound_emails", "Emails in the ledger, by what became of them.", "disposition")
	letters := Gauge("postern_letters", "Letters, by where they stand.", "state")
	failing := Gauge("postern_mailbox_failing_seconds", "How long the mailbox has not been readable; 0: it is.", "mailbox")
	pending := Gauge("postern_inbound_oldest_pending_seconds", "How long the oldest email waits that has no disposition.")
	processes := Gauge("postern_processes", "Processes of the desk that beat.")
	err := d.db.View(ctx, event.System("metrics"), func(v *db.View) error {
		rows, err := v.Query(sqlQueues)
		if err != nil {
			return err
		}
		var queue, state string
		var n, age float64
		if _, err := pgx.ForEachRow(rows, []any{&queue, &state, &n, &age}, func() error {
			waiting.Set(n, queue, state)
			if state == "available" {
				oldest.Set(max(age, 0), queue)
			}
			return nil
		}); err != nil {
			return err
		}
		for sql, f := range map[string]*Family{sqlEmails: emails, sqlLetters: letters, sqlFailing: failing} {
			if err := each(v, sql, f); err != nil {
				return err
			}
		}
		for sql, f := range map[string]*Family{sqlOldestPending: pending, sqlProcesses: processes} {
			if err := v.QueryRow(sql).Scan(&n); err != nil && err != pgx.ErrNoRows {
				return err
			}
			f.Set(n)
		}
		return nil
	})
	return []*Family{waiting, oldest, emails, letters, failing, pending, processes}, err
}

func each(v *db.View, sql string, f *Family) error {
	rows, err := v.Query(sql)
	if err != nil {
		return err
	}
	var label string
	var n float64
	_, err = pgx.ForEachRow(rows, []any{&label, &n}, func() error {
		f.Set(n, label)
		return nil
	})
	return err
}
