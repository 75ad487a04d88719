package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// restorer takes a backup while emails flow and letters leave, lets the desk go on for a while, kills all of it,
// and makes a desk of the backup in a new database and a new data folder, beside the same mail server.
type restorer struct {
	splitter
	desks int // so far

	folder  string // of the backup that is not restored yet
	writing sync.WaitGroup
	failure error
	before  map[string]bool // what was committed before the backup began

	tookBackup, tookRestore, untilOpen time.Duration // the longest ones
	again, repeatable                  int           // emails read a second time; letters that may go out a second time
	lost                               []string
	forgotten                          map[string]bool // Message-IDs of letters that only a desk that is gone knew
}

func (r *restorer) disturb(ctx context.Context, p *program, rng *rand.Rand) error {
	sleep(ctx, time.Duration(rng.IntN(500))*time.Millisecond)
	if r.folder == "" {
		return r.backUp(ctx)
	}
	r.writing.Wait()
	if r.failure != nil {
		return r.failure
	}
	sleep(ctx, time.Duration(rng.IntN(1500))*time.Millisecond)
	return errors.Join(r.replace(ctx, p), r.told())
}

// backUp begins a backup, which is written while the trial goes on.
func (r *restorer) backUp(ctx context.Context) error {
	var err error
	if r.before, err = committed(ctx, r.database); err != nil {
		return err
	}
	r.folder = filepath.Join(r.program.dir, fmt.Sprintf("backup-%d", r.desks))
	began := time.Now()
	r.writing.Go(func() {
		_, r.failure = r.command(ctx, "backup", r.folder)
		r.tookBackup = max(r.tookBackup, time.Since(began))
	})
	return nil
}

// replace kills the desk and restores it elsewhere.
func (r *restorer) replace(ctx context.Context, p *program) error {
	for _, m := range r.members {
		m.busy.Lock()
		defer m.busy.Unlock()
		if err := m.life.Load().kill(); err != nil {
			return err
		}
	}
	had, err := rowsOf[letterRow](ctx, r.database, sqlLetters)
	if err != nil {
		return err
	}
	gone, err := committed(ctx, r.database)
	if err != nil {
		return err
	}
	if err := r.postgres.Stop(ctx); err != nil {
		return err
	}
	r.desks++
	r.dir, r.data = filepath.Join(p.dir, fmt.Sprintf("postgres-%d", r.desks)), filepath.Join(p.dir, fmt.Sprintf("data-%d", r.desks))
	if err := r.startPostgres(ctx); err != nil {
		return err
	}
	d, err := p.life()
	if err != nil {
		return err
	}
	r.settle(&d)
	began := time.Now()
	if _, err := r.command(ctx, "restore", r.folder); err != nil {
		return err
	}
	r.tookRestore = max(r.tookRestore, time.Since(began))
	if err := r.compare(ctx, had, gone); err != nil {
		return err
	}
	p.now.Store(&running{demo: d})
	for _, m := range r.members {
		if err := r.start(ctx, m); err != nil {
			return err
		}
	}
	r.untilOpen, r.folder = max(r.untilOpen, time.Since(began)), ""
	return nil
}

// sqlCommitted names everything that people would miss. A backup takes nothing away, so that a name is enough.
const sqlCommitted = `
select 'ticket ' || id from tickets union all select 'message ' || id from messages union all select 'letter ' || id from letters
union all select 'email ' || id from inbound_emails union all select 'event ' || id from webhook_events
union all select 'entry ' || event_id from audit_entries union all select 'contact ' || id from contacts`

func committed(ctx context.Context, url string) (map[string]bool, error) {
	all, err := ask[string](ctx, url, sqlCommitted)
	names := make(map[string]bool, len(all))
	for _, name := range all {
		names[name] = true
	}
	return names, err
}

const sqlRepeatable = `select id::text from letters where state in ('queued', 'sending') or state = 'unknown' and unknowns < 2`

// compare looks at the restored desk before it runs.
func (r *restorer) compare(ctx context.Context, had []letterRow, gone map[string]bool) error {
	has, err := committed(ctx, r.database)
	if err != nil {
		return err
	}
	for name := range r.before {
		if !has[name] {
			r.lost = append(r.lost, name+", which was committed before the backup began")
		}
	}
	for name := range gone {
		if strings.HasPrefix(name, "email ") && !has[name] {
			r.again++
		}
	}
	repeatable, err := ask[string](ctx, r.database, sqlRepeatable)
	r.repeatable += len(repeatable)
	for _, l := range had {
		if !has["letter "+l.ID] {
			if r.forgotten == nil {
				r.forgotten = map[string]bool{}
			}
			r.forgotten[l.MessageID] = true
		}
	}
	return err
}

func (r *restorer) letters() map[string]bool { return r.forgotten }

// limit holds a restore to its price: what was committed before the backup is there, and only letters that waited
// when it began go out twice.
func (r *restorer) limit(j *judgement) {
	j.lost = append(j.lost, r.lost...)
	if j.sentTwice > r.repeatable {
		j.double("%d letters went out twice, and only %d waited when backups began", j.sentTwice, r.repeatable)
	}
}

func (r *restorer) stop() error {
	r.writing.Wait()
	return errors.Join(r.failure, r.splitter.stop())
}

func (r *restorer) report(out io.Writer) {
	fmt.Fprintf(out, "restored %d times: the longest backup took %.1f s, restore %.1f s, until all processes ran %.1f s\n", r.desks,
		r.tookBackup.Seconds(), r.tookRestore.Seconds(), r.untilOpen.Seconds())
	fmt.Fprintf(out, "emails read a second time: %d; letters of which the restored desks know nothing: %d; letters that waited in the backups: %d\n",
		r.again, len(r.forgotten), r.repeatable)
}
