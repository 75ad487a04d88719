package inbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

var errPanicked = errors.New("routing it failed; the log has the stack")

// IngestFirst is Ingest for emails whose job begins for the first time: nobody died of them yet, so no attempt
// is counted before it fails, which spares a write an email.
func (s *Service) IngestFirst(ctx context.Context, ids []int64) error {
	var fresh []stored
	err := s.db.View(ctx, event.System("inbox"), func(v *db.View) (err error) {
		fresh, err = db.All[stored](v, sqlFresh, ids, s.rules.ReplyWait)
		return err
	})
	if err != nil {
		return err
	}
	return s.ingestAll(ctx, ids, fresh)
}

// Ingest routes stored emails: each gets its one disposition. Several are one commit; where that fails,
// each is tried alone, and what fails alone is tried again later. Rows that are routed already, or that wait
// for another, are skipped. Each attempt is counted before it begins: an email that kills the process is known
// by it.
func (s *Service) Ingest(ctx context.Context, ids []int64) error {
	fresh, err := s.claim(ctx, sqlClaimFresh, ids)
	if err != nil {
		return err
	}
	return s.ingestAll(ctx, ids, fresh)
}

// ingestAll routes the fresh emails together, and the others alone.
func (s *Service) ingestAll(ctx context.Context, ids []int64, fresh []stored) error {
	failed := []error{s.ingest(ctx, fresh)}
	if len(fresh) == len(ids) {
		return failed[0]
	}
	again, err := s.triedBefore(ctx, ids, fresh)
	failed = append(failed, err)
	for _, id := range again {
		// Each by itself: if one of them kills the process, it alone is to blame for this attempt.
		row, err := s.claim(ctx, sqlClaimEmails, []int64{id})
		failed = append(failed, err, s.ingest(ctx, row))
	}
	return errors.Join(failed...)
}

// ingest routes claimed emails.
func (s *Service) ingest(ctx context.Context, rows []stored) error {
	if len(rows) == 0 {
		return nil
	}
	var failed failures
	for readings := s.readAll(ctx, rows, &failed); len(readings) > 0; {
		var waiting []*reading
		for len(readings) > 0 {
			this, next := firstRound(readings)
			waiting = append(waiting, s.routeRound(ctx, this, &failed)...)
			readings = next
		}
		free, err := s.putOff(ctx, waiting)
		if err != nil {
			failed.add(fmt.Errorf("let replies wait: %w", err), rowsOf(waiting)...)
		}
		readings = free
	}
	return s.note(ctx, failed)
}

func rowsOf(readings []*reading) []stored {
	rows := make([]stored, len(readings))
	for i, r := range readings {
		rows[i] = r.row
	}
	return rows
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

// routeRound commits one round, or its emails one by one where the round fails. It returns those that are to
// wait.
func (s *Service) routeRound(ctx context.Context, readings []*reading, failed *failures) []*reading {
	waiting, err := s.commit(ctx, readings)
	switch {
	case err == nil:
		return waiting
	case len(readings) == 1:
		failed.add(fmt.Errorf("email %d: %w", readings[0].row.ID, err), readings[0].row)
		return nil
	case ctx.Err() != nil || db.Unreachable(err):
		failed.add(err, rowsOf(readings)...)
		return nil
	}
	waiting = nil
	for _, r := range readings {
		waiting = append(waiting, s.routeRound(ctx, []*reading{r}, failed)...)
	}
	return waiting
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
