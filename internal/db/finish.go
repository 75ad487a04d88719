package db

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Finish commits the end of the job that ctx is the work of; the job then returns nil. The queue itself
// gathers ends for up to 250 ms, and takes another job of the same unique args for a second one until then.
func Finish[T river.JobArgs](ctx context.Context, d *DB, job *river.Job[T]) error {
	return d.Bookkeep(ctx, "queue", func(tx *Tx) error {
		if err := tx.flush(); err != nil {
			return err
		}
		var lent pgx.Tx = connTx{tx.conn}
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](tx.ctx, lent, job); err != nil {
			return fmt.Errorf("finish job %d: %w", job.ID, err)
		}
		return nil
	})
}
