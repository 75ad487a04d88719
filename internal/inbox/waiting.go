package inbox

import (
	"context"
	"fmt"
	"slices"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/jobs"
)

// An email waits for one other at a time, and once in its life: the ledger names the row that it waits for.
// Routing that row queues it again in the same commit, and so does the end of its time to wait. Until then
// jobs pass it by without reading its bytes.
const (
	maxParents = 20   // of the emails that it answers, the likeliest ones
	maxChain   = 1000 // emails that wait for one another; where it is longer, somebody goes first
)

// parentsOf is what an email may wait for, the likeliest first.
func parentsOf(x *reading) []string {
	refs := slices.DeleteFunc(references(x.email), func(id string) bool { return id == x.email.MessageID })
	return refs[:min(len(refs), maxParents)]
}

type pendingParent struct {
	MessageID string `db:"message_id"`
	ID        int64  `db:"id"`
}

// pendingParents finds which of the emails that these answer are stored but not routed yet, by Message-ID. Of
// several under one id it is the first that came.
func pendingParents(tx *db.Tx, readings []*reading) (map[string]int64, error) {
	var refs []string
	for _, x := range readings {
		if x.row.WaitsStill {
			refs = append(refs, parentsOf(x)...)
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	found, err := db.All[pendingParent](tx, sqlPendingParents, refs)
	if err != nil {
		return nil, fmt.Errorf("find parents: %w", err)
	}
	pending := make(map[string]int64, len(found))
	for _, p := range found {
		pending[p.MessageID] = p.ID
	}
	return pending, nil
}

// waitForParents leaves replies for later whose parent is stored but not routed yet.
func (r *round) waitForParents() error {
	pending, err := pendingParents(r.tx, r.readings)
	if err != nil || len(pending) == 0 {
		return err
	}
	r.readings = slices.DeleteFunc(r.readings, func(x *reading) bool {
		waits := x.row.WaitsStill && slices.ContainsFunc(parentsOf(x), func(ref string) bool { return pending[ref] != 0 })
		if waits {
			r.waiting = append(r.waiting, x)
		}
		return waits
	})
	return nil
}

// putOff writes into the ledger what replies wait for. Waiting is no attempt. It returns those that go on now: their
// parent was routed meanwhile, or it waits for them itself.
func (s *Service) putOff(ctx context.Context, waiting []*reading) (free []*reading, err error) {
	if len(waiting) == 0 {
		return nil, nil
	}
	err = s.db.Bookkeep(ctx, "inbox", func(tx *db.Tx) (err error) {
		free, err = s.wait(tx, waiting)
		return err
	})
	for _, x := range free {
		x.row.WaitsStill = false
	}
	return free, err
}

func (s *Service) wait(tx *db.Tx, waiting []*reading) (free []*reading, err error) {
	// One at a time: two that begin to wait for each other at once would not see the ring that they close.
	if _, err := tx.Exec(sqlLockWaits); err != nil {
		return nil, err
	}
	pending, err := pendingParents(tx, waiting)
	if err != nil {
		return nil, err
	}
	var ids, put []int64
	for _, x := range waiting {
		ids = append(ids, x.row.ID)
	}
	for _, id := range pending {
		ids = append(ids, id)
	}
	// Whoever routes a parent holds its row: either it is done now, or it will see who waits.
	open, err := db.Column[int64](tx, sqlLockEmails, ids)
	if err != nil {
		return nil, fmt.Errorf("lock emails: %w", err)
	}
	for _, x := range waiting {
		if !slices.Contains(open, x.row.ID) {
			continue // somebody else has routed it
		}
		parent, err := parentToWaitFor(tx, x, pending, open)
		if err != nil {
			return nil, err
		}
		if parent == 0 {
			free = append(free, x)
			continue
		}
		if _, err := tx.Exec(sqlWait, x.row.ID, parent); err != nil {
			return nil, err
		}
		put = append(put, x.row.ID)
	}
	if len(put) > 0 {
		tx.EnqueueAt(jobs.IngestEmails{EmailIDs: put}, tx.Now().Add(s.rules.ReplyWait))
	}
	return free, nil
}

// parentToWaitFor is the likeliest parent that does not wait for the email itself, 0 where there is none.
func parentToWaitFor(tx *db.Tx, x *reading, pending map[string]int64, open []int64) (int64, error) {
	for _, ref := range parentsOf(x) {
		parent := pending[ref]
		if parent == 0 || parent == x.row.ID || !slices.Contains(open, parent) {
			continue
		}
		var ring bool
		if err := tx.QueryRow(sqlLeadsBack, parent, x.row.ID, maxChain).Scan(&ring); err != nil {
			return 0, fmt.Errorf("follow who waits for whom: %w", err)
		}
		if !ring {
			return parent, nil
		}
	}
	return 0, nil
}

// wake queues the emails again that waited for these.
func wake(tx *db.Tx, routed []int64) error {
	ids, err := db.Column[int64](tx, sqlWoken, routed)
	if err != nil {
		return fmt.Errorf("find who waited: %w", err)
	}
	enqueueIngest(tx, ids)
	return nil
}
