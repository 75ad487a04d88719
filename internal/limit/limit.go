// Package limit counts how often something happened in a window of time, in the database, so that every
// process counts together.
package limit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/db"
)

// The keys come sorted, so that two transactions that count the same keys cannot deadlock.
const sqlTake = `
insert into limit_counters as c (key, window_start, taken)
select key, now(), n from unnest($1::text[], $2::integer[]) as t(key, n)
on conflict (key) do update set
    taken = case when c.window_start <= now() - $3::interval then excluded.taken else c.taken + excluded.taken end,
    window_start = case when c.window_start <= now() - $3::interval then excluded.window_start else c.window_start end
returning key, taken`

// Acknowledgements names the counter of acknowledgements to an address, which does not stand in it in the
// clear. Emails and the form count together.
func Acknowledgements(address string) string {
	// A tag makes no other mailbox of an address.
	local, domain, _ := strings.Cut(address, "@")
	local, _, _ = strings.Cut(local, "+")
	address = local + "@" + domain
	sum := sha256.Sum256([]byte("acknowledgements\x00" + address))
	return "ack:" + hex.EncodeToString(sum[:12])
}

// Take adds to the counters in the caller's transaction and returns what each had before within its
// window, which begins with its first use.
func Take(tx *db.Tx, window time.Duration, takes map[string]int) (map[string]int, error) {
	keys := slices.Sorted(maps.Keys(takes))
	counts := make([]int, len(keys))
	for i, key := range keys {
		counts[i] = takes[key]
	}
	rows, err := tx.Query(sqlTake, keys, counts, window)
	if err != nil {
		return nil, fmt.Errorf("count against the limits: %w", err)
	}
	defer rows.Close()
	before := make(map[string]int, len(keys))
	for rows.Next() {
		var key string
		var after int
		if err := rows.Scan(&key, &after); err != nil {
			return nil, err
		}
		before[key] = after - takes[key]
	}
	return before, rows.Err()
}

const sqlForget = `delete from limit_counters where window_start < now() - interval '2 days'`

// Forget removes counters that no window reaches any more.
func Forget(tx *db.Tx) error {
	_, err := tx.Exec(sqlForget)
	return err
}
