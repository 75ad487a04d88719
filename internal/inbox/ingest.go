package inbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/jobs"
)

var errPanicked = errors.New("routing it failed; the log has the stack")

// parentPause is how soon a waiting reply is looked at again.
const parentPause = 2 * time.Second

// Ingest routes stored emails: each gets its one disposition. Several are one commit; where that fails,
// each is tried alone, and what fails alone is tried again later. Rows that are routed already are
// skipped.
func (s *Service) Ingest(ctx context.Context, ids []int64) error {
	fresh, err := s.claim(ctx, sqlClaimFresh, ids)
	if err != nil {
		return err
	}
	failures := []error{s.ingest(ctx, fresh)}
	if len(fresh) == len(ids) {
		return failures[0]
	}
	again, err := s.triedBefore(ctx, ids, fresh)
	failures = append(failures, err)
	for _, id := range again {
		// Each by itself: if one of them kills the process, it alone is to blame for this attempt.
		row, err := s.claim(ctx, sqlClaimEmails, []int64{id})
		failures = append(failures, err, s.ingest(ctx, row))
	}
	return errors.Join(failures...)
}

// ingest routes claimed emails.
func (s *Service) ingest(ctx context.Context, rows []stored) error {
	if len(rows) == 0 {
		return nil
	}
	readings, failures := s.readAll(ctx, rows)
	var waiting []*reading
	for len(readings) > 0 {
		this, next := firstRound(readings)
		waits, err := s.routeRound(ctx, this)
		if err != nil {
			failures = append(failures, err)
		}
		waiting = append(waiting, waits...)
		readings = next
	}
	if err := s.putOff(ctx, waiting); err != nil {
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// firstRound takes the emails that do not depend on each other: no two of one key, no reply before its
// parent. What one round commits the next one sees.
func firstRound(all []*reading) (this, next []*reading) {
	ids, keys := map[string]bool{}, map[[32]byte]bool{}
	for _, r := range all {
		if r.email.MessageID != "" {
			ids[r.email.MessageID] = true
		}
	}
	for _, r := range all {
		if keys[r.key] || dependsOn(r, ids) {
			next = append(next, r)
			continue
		}
		keys[r.key] = true
		this = append(this, r)
	}
	if len(this) == 0 { // replies to each other: somebody has to be first
		return all[:1], all[1:]
	}
	return this, next
}

func dependsOn(r *reading, ids map[string]bool) bool {
	for _, ref := range references(r.email) {
		if ids[ref] && ref != r.email.MessageID {
			return true
		}
	}
	return false
}

// routeRound commits one round, or its emails one by one where the round fails.
func (s *Service) routeRound(ctx context.Context, readings []*reading) (waiting []*reading, err error) {
	waiting, err = s.commit(ctx, readings)
	if err == nil || ctx.Err() != nil {
		return waiting, err
	}
	if len(readings) == 1 {
		s.noteFailure(ctx, readings[0].row.ID, err)
		return nil, fmt.Errorf("email %d: %w", readings[0].row.ID, err)
	}
	var failures []error
	waiting = nil
	for _, r := range readings {
		waits, err := s.routeRound(ctx, []*reading{r})
		waiting = append(waiting, waits...)
		if err != nil {
			failures = append(failures, err)
		}
	}
	return waiting, errors.Join(failures...)
}

// commit routes in one transaction. A panic in it is a failure like any other: it must not take the
// other emails of the job along.
func (s *Service) commit(ctx context.Context, readings []*reading) (waiting []*reading, err error) {
	defer func() {
		if p := recover(); p != nil {
			logPanic(readings[0].row.ID, p, debug.Stack())
			err = errPanicked
		}
	}()
	err = s.db.Change(ctx, event.System("inbox"), func(tx *db.Tx) error {
		r := &round{s: s, tx: tx, readings: readings}
		if err := r.route(); err != nil {
			return err
		}
		waiting = r.waiting
		if r.routed == 0 {
			return db.NoChange
		}
		return nil
	})
	return waiting, err
}

// noteFailure is for whoever looks at the ledger; the attempt was counted already.
func (s *Service) noteFailure(ctx context.Context, id int64, failure error) {
	// The failure is returned to the queue as well: losing this note loses nothing.
	_ = s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		tx.Queue(sqlNoteFailure, id, failure.Error())
		return nil
	})
}

// putOff queues replies again whose parent is stored but not routed yet. Waiting is no attempt.
func (s *Service) putOff(ctx context.Context, waiting []*reading) error {
	if len(waiting) == 0 {
		return nil
	}
	ids := make([]int64, len(waiting))
	for i, r := range waiting {
		ids[i] = r.row.ID
	}
	return s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		tx.Queue(sqlUncount, ids)
		tx.EnqueueAt(jobs.IngestEmails{EmailIDs: ids}, tx.Now().Add(parentPause))
		return nil
	})
}

// Sweep queues emails again that have waited for minutes without a job: the queue lost one. It returns
// how many.
func (s *Service) Sweep(ctx context.Context) (n int, err error) {
	err = s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		ids, err := db.Column[int64](tx, sqlForgotten)
		enqueueIngest(tx, ids)
		n = len(ids)
		return err
	})
	return n, err
}
