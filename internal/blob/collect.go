package blob

import (
	"context"

	"github.com/postern-desk/postern/internal/db"
)

// What nothing refers to after a day was written by a transaction that never came to its commit, or has
// lost its last reference.
const sqlCollect = `
with orphans as (
    select b.sha256 from blob_chunks b
    where b.n = 0 and b.created_at < now() - interval '24 hours'
      and not exists (select from inbound_emails e where e.sha256 = b.sha256)
      and not exists (select from attachments a where a.sha256 = b.sha256)
    order by b.created_at limit $1 for update skip locked)
delete from blob_chunks c using orphans o where c.sha256 = o.sha256`

// Collect removes up to max orphaned blobs and returns how many rows went.
func (s *Store) Collect(ctx context.Context, max int) (rows int64, err error) {
	err = s.db.Bookkeep(ctx, "blobs", func(tx *db.Tx) error {
		tag, err := tx.Exec(sqlCollect, max)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}
