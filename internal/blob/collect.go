package blob

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/db"
)

// A blob without a reference goes when it is a day old: a younger one may belong to a transaction that has not
// come to its commit. Who puts it again meanwhile makes it young under its lock, and it is spared.
const orphaned = `
    where b.n = 0 and b.created_at < now() - interval '24 hours'
      and not exists (select from inbound_emails e where e.sha256 = b.sha256)
      and not exists (select from attachments a where a.sha256 = b.sha256)`

const sqlDrop = `
with orphans as (
    select b.sha256 from blob_chunks b` + orphaned + ` and b.sha256 = any($1) for update skip locked)
delete from blob_chunks c using orphans o where c.sha256 = o.sha256`

// Drop removes those of the blobs that nothing refers to any more, in the transaction that let go of them.
func Drop(tx *db.Tx, sums [][]byte) error {
	_, err := tx.Exec(sqlDrop, sums)
	return err
}

const sqlCollect = `
with seen as materialized (
    select sha256, created_at from blob_chunks
    where n = 0 and created_at < now() - interval '24 hours' and (created_at, sha256) > ($1, $2)
    order by created_at, sha256 limit $3),
orphans as (
    select b.sha256 from blob_chunks b` + orphaned + ` and b.sha256 in (select sha256 from seen) for update skip locked),
gone as (delete from blob_chunks c using orphans o where c.sha256 = o.sha256 returning 1)
select created_at, sha256, (select count(*) from gone) from seen order by created_at desc, sha256 desc limit 1`

// Collect looks at every blob, so many in one statement, and removes those that nothing refers to: what Drop
// had to leave, and what a transaction wrote that never came to its commit. It returns how many rows went.
func (s *Store) Collect(ctx context.Context, atOnce int) (rows int64, err error) {
	at, sum := time.Unix(0, 0), []byte{}
	for {
		var gone int64
		err := s.db.Bookkeep(ctx, "blobs", func(tx *db.Tx) error {
			return tx.QueryRow(sqlCollect, at, sum, atOnce).Scan(&at, &sum, &gone)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += gone
	}
}
