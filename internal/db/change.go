package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postern-desk/postern/internal/event"
)

// NoChange is what fn returns to say that nothing was to be changed: the transaction is rolled back and
// Change returns nil.
var NoChange = errors.New("nothing to change") //nolint:errname // read as a word: return db.NoChange

// ErrUnrecorded refuses a change that recorded no event.
var ErrUnrecorded = errors.New("the change recorded no event; it was rolled back")

// ErrNotBusiness refuses an event inside Bookkeep: what is worth an event belongs in Change.
var ErrNotBusiness = errors.New("bookkeeping records no events")

// Change runs fn in one read-write transaction and commits it together with its audit entries, events
// and jobs. It fails with ErrUnrecorded, and changes nothing, where fn recorded no event.
// fn may run again from its beginning after a deadlock, so it only writes through tx.
func (d *DB) Change(ctx context.Context, by event.Actor, fn func(*Tx) error) error {
	return d.write(ctx, by, func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if len(tx.events) == 0 {
			return ErrUnrecorded
		}
		return nil
	})
}

// Bookkeep runs fn in one read-write transaction for cursors, attempts and other state that is no
// business of the desk's users. Jobs may be enqueued; events may not be recorded. why names the part of
// the worker that keeps these books: it is the transaction's actor.
func (d *DB) Bookkeep(ctx context.Context, why string, fn func(*Tx) error) error {
	return d.write(ctx, event.System(why), func(tx *Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if len(tx.events) > 0 {
			return ErrNotBusiness
		}
		return nil
	})
}

// maxTries bounds how often a transaction that lost a deadlock begins again.
const maxTries = 4

func (d *DB) write(ctx context.Context, by event.Actor, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := d.writeOnce(ctx, by, fn)
		if errors.Is(err, NoChange) {
			return nil
		}
		if try == maxTries || !lostDeadlock(err) {
			return repeated(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try*try) * 5 * time.Millisecond):
		}
	}
}

func (d *DB) writeOnce(ctx context.Context, by event.Actor, fn func(*Tx) error) error {
	ctx, judge, cancel := d.hurry(ctx)
	defer cancel()
	conn, now, err := begin(ctx, d.poolFor(by), beginSQL(ctx, "begin", by))
	if err != nil {
		return judge(err)
	}
	defer conn.Release()
	tx := &Tx{db: d, actor: by, role: by.Realm, reader: reader{ctx: ctx, conn: conn.Conn(), now: now, pending: &pgx.Batch{}}}
	if err := tx.run(fn); err != nil {
		rollback(conn.Conn())
		return judge(err)
	}
	return nil
}

// View runs fn in one read-only transaction that sees what `by` may see, as of one moment per statement.
func (d *DB) View(ctx context.Context, by event.Actor, fn func(*View) error) error {
	ctx, judge, cancel := d.hurry(ctx)
	defer cancel()
	conn, now, err := begin(ctx, d.poolFor(by), beginSQL(ctx, "begin read only", by))
	if err != nil {
		return judge(err)
	}
	defer conn.Release()
	defer rollback(conn.Conn())
	return judge(fn(&View{reader: reader{ctx: ctx, conn: conn.Conn(), now: now, pending: &pgx.Batch{}}}))
}

// beginSQL is BEGIN, the actor's role and the transaction's time in one round trip.
func beginSQL(ctx context.Context, begin string, by event.Actor) string {
	if isUnhurried(ctx) {
		begin += fmt.Sprintf("; set local statement_timeout = %d", upkeepPatience.Milliseconds())
	}
	const readNow = "; select (extract(epoch from now()) * 1000000)::bigint"
	if by.Realm != event.Client {
		return begin + readNow
	}
	// A UUID's text has no quote in it.
	return begin + "; set local role postern_client; select set_config('postern.client_id', '" + by.ClientID.String() + "', true)" + readNow
}

// begin opens the transaction. Stale pooled connections are replaced, since nothing was done on them: a
// server that restarted has ended all of the pool's.
func begin(ctx context.Context, pool *pgxpool.Pool, sql string) (*pgxpool.Conn, time.Time, error) {
	for try := int32(1); ; try++ {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("begin: %w", err)
		}
		now, err := execBegin(ctx, conn.Conn().PgConn(), sql)
		if err == nil {
			return conn, now, nil
		}
		rollback(conn.Conn())
		broken := conn.Conn().IsClosed()
		conn.Release()
		if try > pool.Config().MaxConns || !broken || ctx.Err() != nil {
			return nil, time.Time{}, fmt.Errorf("begin: %w", err)
		}
	}
}

func execBegin(ctx context.Context, conn *pgconn.PgConn, sql string) (time.Time, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return time.Time{}, err
	}
	last := results[len(results)-1]
	if len(last.Rows) != 1 {
		return time.Time{}, errors.New("the server did not tell the time")
	}
	var micros int64
	if _, err := fmt.Sscanf(string(last.Rows[0][0]), "%d", &micros); err != nil {
		return time.Time{}, fmt.Errorf("read the transaction's time: %w", err)
	}
	return time.UnixMicro(micros).UTC(), nil
}

// rollback ends the transaction where the connection still lives; where it does not, the server does.
func rollback(conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "rollback"); err != nil {
		conn.Close(ctx)
	}
}

// lostDeadlock reports the SQLSTATEs after which the same transaction may be tried again.
func lostDeadlock(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001")
}

// Violates reports whether err is a violation of the constraint or unique index of that name.
func Violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == constraint
}
