package db

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connTx lends the transaction to the queue's insert. It cannot end it: only Change does.
type connTx struct{ conn *pgx.Conn }

var errNotYours = errors.New("only the unit of work ends its transaction")

func (c connTx) Begin(context.Context) (pgx.Tx, error) { return nil, errNotYours }
func (c connTx) Commit(context.Context) error          { return errNotYours }
func (c connTx) Rollback(context.Context) error        { return errNotYours }
func (c connTx) LargeObjects() pgx.LargeObjects        { return pgx.LargeObjects{} }
func (c connTx) Conn() *pgx.Conn                       { return c.conn }

func (c connTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	return c.conn.CopyFrom(ctx, table, columns, src)
}

func (c connTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return c.conn.SendBatch(ctx, b)
}

func (c connTx) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	return c.conn.Prepare(ctx, name, sql)
}

func (c connTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return c.conn.Exec(ctx, sql, args...)
}

func (c connTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return c.conn.Query(ctx, sql, args...)
}

func (c connTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return c.conn.QueryRow(ctx, sql, args...)
}
