package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// hits counts what the processes were doing that were killed: a trial whose kills all meet idle processes would
// prove nothing.
type hits struct {
	mu       sync.Mutex
	kills    int
	idle     int
	jobs     map[string]int // by kind
	unnoted  int            // letters that a server had taken and that were not noted as sent
	untaken  int            // letters that were claimed and that no server had
	examined bool           // whether letters were looked at
}

// The attempts of a job are told by attempted_by, the last one at its end.
const (
	sqlUnderWay = `
select id, kind, coalesce(args ->> 'letter_id', '') as letter, attempted_by as processes, state::text = 'running' as running
from river_job where attempted_by is not null and attempted_at > now() - interval '10 minutes'`
	sqlSending = `
select id::text, kind, coalesce(ticket_id::text, '') as ticket_id, recipients[1] as recipient, rfc_message_id, state
from letters where state = 'sending'`
)

type underWay struct {
	ID        int64    `db:"id"`
	Kind      string   `db:"kind"`
	Letter    string   `db:"letter"`
	Processes []string `db:"processes"`
	Running   bool     `db:"running"`
}

// struck looks at what a killed process left running, before anybody takes it up.
func (h *hits) struck(ctx context.Context, d demo, life *running) error {
	jobs, err := rowsOf[underWay](ctx, d.DatabaseURL, sqlUnderWay)
	if err != nil {
		return err
	}
	letters, err := rowsOf[letterRow](ctx, d.DatabaseURL, sqlSending)
	if err != nil {
		return err
	}
	var kinds []string
	unnoted, untaken := 0, 0
	for _, j := range jobs {
		if !j.Running || !life.holds(j.Processes[len(j.Processes)-1]) {
			continue
		}
		kinds = append(kinds, j.Kind)
		i := slices.IndexFunc(letters, func(l letterRow) bool { return l.ID == j.Letter })
		if i < 0 {
			continue
		}
		has, err := hasArrived(d, letters[i])
		if err != nil {
			return err
		}
		if has {
			unnoted++
		} else {
			untaken++
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.examined, h.unnoted, h.untaken = true, h.unnoted+unnoted, h.untaken+untaken
	h.add(kinds)
	return nil
}

// interrupted looks, after a new start, at the jobs that the process before it did not end.
func (h *hits) interrupted(ctx context.Context, url string, life *running) error {
	jobs, err := rowsOf[underWay](ctx, url, sqlUnderWay)
	if err != nil {
		return err
	}
	var kinds []string
	for _, j := range jobs {
		i := slices.IndexFunc(j.Processes, life.holds)
		if i >= 0 && (i < len(j.Processes)-1 || j.Running) {
			kinds = append(kinds, j.Kind)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.add(kinds)
	return nil
}

// add is called with the mutex held.
func (h *hits) add(kinds []string) {
	if h.jobs == nil {
		h.jobs = map[string]int{}
	}
	h.kills++
	if len(kinds) == 0 {
		h.idle++
	}
	for _, kind := range kinds {
		h.jobs[kind]++
	}
}

func (h *hits) report(out io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kills == 0 {
		return
	}
	fmt.Fprintf(out, "kills: %d, %d of them of a process without a job; jobs that they cut off:", h.kills, h.idle)
	for _, kind := range slices.Sorted(maps.Keys(h.jobs)) {
		fmt.Fprintf(out, " %s %d", kind, h.jobs[kind])
	}
	fmt.Fprintln(out)
	if h.examined {
		fmt.Fprintf(out, "letters in the hands of a killed process: %d that a server had taken, %d that it had not\n", h.unnoted, h.untaken)
	}
}
