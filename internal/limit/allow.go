package limit

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-desk/postern/internal/db"
)

const sqlWaits = `select greatest(window_start + $2::interval - now(), interval '1 second') from limit_counters where key = $1`

// Allow counts one use of the key, in a transaction of its own: what is refused counts too. It returns 0
// where the window had room for it among n, else how long until the window ends, at least a second.
func Allow(ctx context.Context, d *db.DB, key string, n int, window time.Duration) (wait time.Duration, err error) {
	err = d.Bookkeep(ctx, "limit", func(tx *db.Tx) error {
		before, err := Take(tx, window, map[string]int{key: 1})
		if err != nil || before[key] < n {
			return err
		}
		return tx.QueryRow(sqlWaits, key, window).Scan(&wait)
	})
	if err != nil {
		return 0, fmt.Errorf("count against a limit: %w", err)
	}
	return wait, nil
}
