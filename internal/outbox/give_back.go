package outbox

import (
	"context"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Holds reports whether a claim still counts: nobody took its process for dead meanwhile.
func (o *Outbox) Holds(ctx context.Context, l Letter) (holds bool, err error) {
	err = o.db.View(ctx, event.System("outbox"), func(v *db.View) error {
		return v.QueryRow(sqlHolds, l.ID, l.Attempts).Scan(&holds)
	})
	return holds, err
}

// GiveBack undoes the claim of a letter that no server has heard of, as if it had never been. A claim that no longer
// counts stays as it is.
func (o *Outbox) GiveBack(ctx context.Context, l Letter) error {
	return o.db.Bookkeep(ctx, "outbox", func(tx *db.Tx) error {
		tx.Queue(sqlGiveBack, l.ID, l.Attempts)
		return nil
	})
}
