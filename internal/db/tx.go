package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/event"
)

// Reader is what a query needs: a Tx or a View.
type Reader interface {
	Query(sql string, args ...any) (pgx.Rows, error)
	QueryRow(sql string, args ...any) pgx.Row
	Now() time.Time
	Context() context.Context
}

// View reads.
type View struct{ reader }

// Tx reads and writes; it is used by one goroutine and not after Change returned.
type Tx struct {
	reader
	db     *DB
	actor  event.Actor
	role   event.Realm
	events []recorded
	jobs   []river.InsertManyParams
}

type reader struct {
	ctx     context.Context
	conn    *pgx.Conn
	now     time.Time
	pending *pgx.Batch
	rows    map[*Insert][]any
}

// Now is the transaction's time, frozen when it began: PostgreSQL's now().
func (r *reader) Now() time.Time { return r.now }

// Context is the context that the transaction began with.
func (r *reader) Context() context.Context { return r.ctx }

// Query sees every write before it, queued ones too.
func (r *reader) Query(sql string, args ...any) (pgx.Rows, error) {
	if err := r.flush(); err != nil {
		return nil, err
	}
	return r.conn.Query(r.ctx, sql, args...)
}

// QueryRow is Query for one row; its error comes with Scan.
func (r *reader) QueryRow(sql string, args ...any) pgx.Row {
	if err := r.flush(); err != nil {
		return failedRow{err}
	}
	return r.conn.QueryRow(r.ctx, sql, args...)
}

type failedRow struct{ err error }

func (f failedRow) Scan(...any) error { return f.err }

// flush sends the queued writes in one round trip.
func (r *reader) flush() error {
	batch := r.queueRows(r.pending)
	if batch.Len() == 0 {
		return nil
	}
	r.pending = &pgx.Batch{}
	return r.conn.SendBatch(r.ctx, batch).Close()
}

// Exec writes at once and tells how many rows it met.
func (t *Tx) Exec(sql string, args ...any) (pgconn.CommandTag, error) {
	if err := t.flush(); err != nil {
		return pgconn.CommandTag{}, err
	}
	return t.conn.Exec(t.ctx, sql, args...)
}

// Queue writes later, in order, before the next read or the commit: many writes in one round trip.
// Its error comes from that read or from Change.
func (t *Tx) Queue(sql string, args ...any) { t.pending.Queue(sql, args...) }

// As changes who acts from here on: a batch of emails is one transaction with an actor for each email.
// The realm cannot change: it chose the database role.
func (t *Tx) As(by event.Actor) { t.actor = by }

// Actor is who acts.
func (t *Tx) Actor() event.Actor { return t.actor }

// Record makes the audit entry and, for a public kind, the webhook event under the same id, which it
// returns. They are written with the commit.
func (t *Tx) Record(e event.Event) uuid.UUID {
	id := NewID()
	t.events = append(t.events, recorded{id: id, by: t.actor, event: e})
	return id
}

// Enqueue adds a job that exists if and only if the transaction commits. A unique job that is added twice
// is one: the queue's insert could not tell which of the two rows to leave out.
func (t *Tx) Enqueue(a river.JobArgs) {
	if isUnique(a) && slices.ContainsFunc(t.jobs, func(j river.InsertManyParams) bool { return reflect.DeepEqual(j.Args, a) }) {
		return
	}
	t.jobs = append(t.jobs, river.InsertManyParams{Args: a})
}

func isUnique(a river.JobArgs) bool {
	o, ok := a.(river.JobArgsWithInsertOpts)
	return ok && o.InsertOpts().UniqueOpts.ByArgs
}

// EnqueueAt adds a job that is not worked before `at`.
func (t *Tx) EnqueueAt(a river.JobArgs, at time.Time) {
	t.jobs = append(t.jobs, river.InsertManyParams{Args: a, InsertOpts: &river.InsertOpts{ScheduledAt: at}})
}

// run is fn, the record, the jobs and the commit.
func (t *Tx) run(fn func(*Tx) error) error {
	if err := fn(t); err != nil {
		return err
	}
	if t.role == event.Client {
		t.Queue("reset role") // the record and the jobs are the application's to write
	}
	if err := t.queueRecord(); err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	if len(t.jobs) > 0 {
		if _, err := t.db.queue.InsertManyTx(t.ctx, connTx{t.conn}, t.jobs); err != nil {
			return fmt.Errorf("enqueue: %w", err)
		}
	}
	tag, err := t.conn.Exec(t.ctx, "commit")
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if tag.String() != "COMMIT" {
		return errors.New("commit: the server rolled the transaction back")
	}
	return nil
}

// All collects the rows of a query into structs by column name.
func All[T any](r Reader, sql string, args ...any) ([]T, error) {
	rows, err := r.Query(sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// One is All for exactly one row; ok is false where there is none.
func One[T any](r Reader, sql string, args ...any) (row T, ok bool, err error) {
	rows, err := r.Query(sql, args...)
	if err != nil {
		return row, false, err
	}
	row, err = pgx.CollectOneRow(rows, pgx.RowToStructByName[T])
	if errors.Is(err, pgx.ErrNoRows) {
		return row, false, nil
	}
	return row, err == nil, err
}

// Column collects the rows of a query of one column.
func Column[T any](r Reader, sql string, args ...any) ([]T, error) {
	rows, err := r.Query(sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}
