package inbox

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/postern-desk/postern/internal/db"
)

// failures are the emails of one job that could not be routed now, and why.
type failures struct {
	byEmail map[int64]failure
	all     []error // each once
}

type failure struct {
	err     error
	counted bool // as an attempt, before it began
	since   time.Time
}

func (f *failures) add(err error, readings ...stored) {
	if f.byEmail == nil {
		f.byEmail = map[int64]failure{}
	}
	for _, row := range readings {
		f.byEmail[row.ID] = failure{err, row.Attempts > 0, row.Accepted}
	}
	f.all = append(f.all, err)
}

// patience is how long an email is tried without blame where it may have caused the trouble or not: an overloaded
// server gives up statements, and so does a sound one with an email that no statement copes with.
const patience = time.Hour

// ownFault reports whether the email itself may be to blame for a failure, so that the attempt counts towards
// giving it up. A full disk or a database that is away says nothing about the email: it is tried until it works.
func (f failure) ownFault() bool {
	if db.Unclear(f.err) {
		return time.Since(f.since) > patience
	}
	var system syscall.Errno
	return !db.Trouble(f.err) && !errors.As(f.err, &system)
}

// noteTime is how long noting a failure may take when the job itself has no time left.
const noteTime = 5 * time.Second

// note keeps each failure in the ledger for whoever looks there, counts the attempts that were an
// email's own fault and takes back those that were not, and returns the failures.
func (s *Service) note(ctx context.Context, f failures) error {
	if len(f.byEmail) == 0 {
		return errors.Join(f.all...)
	}
	// A job that is cancelled at shutdown has to give its attempts back as well.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	ids := slices.Sorted(maps.Keys(f.byEmail))
	words := make([]string, len(ids))
	var guilty, innocent []int64
	for i, id := range ids {
		failed := f.byEmail[id]
		words[i] = failed.err.Error()
		switch own := failed.ownFault(); {
		case own && !failed.counted:
			guilty = append(guilty, id)
		case !own && failed.counted:
			innocent = append(innocent, id)
		}
	}
	err := s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) error {
		tx.Queue(sqlNoteFailures, ids, words)
		tx.Queue(sqlCount, guilty)
		tx.Queue(sqlUncount, innocent)
		return nil
	})
	if err != nil {
		// Losing the words loses nothing: the queue has them as well.
		s.owed.add(innocent)
	}
	return errors.Join(f.all...)
}

// debts are the emails whose attempt could not be taken back, since the database was away.
type debts struct {
	mu  sync.Mutex
	ids []int64
}

func (d *debts) add(ids []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids = append(d.ids, ids...)
}

func (d *debts) take() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := d.ids
	d.ids = nil
	return ids
}
