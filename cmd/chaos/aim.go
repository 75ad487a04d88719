package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// The moments that are aimed at: right after the n-th commit of a kind, and while a job of a kind runs.
var (
	aims = []string{
		`select count(*) from inbound_emails`,
		`select count(*) from inbound_emails where attempts > 0`,
		`select count(*) from tickets`,
		`select coalesce(sum(attempts), 0) from letters`,
		`select count(*) from letters where state = 'sent'`,
	}
	aimedJobs = []string{"poll_mailbox", "ingest_emails", "send_letter", "tidy_mailbox"}
)

const (
	sqlRunners = `select attempted_by[array_upper(attempted_by, 1)] from river_job where state = 'running' and kind = $1 limit 1`
	// aimFor bounds the wait for a moment that may not come.
	aimFor = 3 * time.Second
)

// aim returns at a moment that is worth hitting: one in three by chance, one after a commit, one while a job
// runs, and then tells which process runs it. A database that does not answer leaves it to chance.
func aim(ctx context.Context, url string, rng *rand.Rand) (process string, err error) {
	chance, way, n, kind := time.Duration(5+rng.IntN(496))*time.Millisecond, rng.IntN(3), 1+rng.IntN(12), aimedJobs[rng.IntN(len(aimedJobs))]
	sql, late := aims[rng.IntN(len(aims))], time.Duration(rng.IntN(5000))*time.Microsecond
	conn, err := pgx.Connect(ctx, url)
	if err != nil || way == 0 {
		sleep(ctx, chance)
		if conn != nil {
			conn.Close(context.WithoutCancel(ctx))
		}
		return "", ctx.Err()
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if way == 1 {
		return "", awaitCommits(ctx, conn, sql, n)
	}
	process, err = awaitRunner(ctx, conn, kind)
	sleep(ctx, late) // into the job, which the queue shows as running before it begins
	return process, err
}

// awaitCommits returns when the count has risen by n, or after a while in which it did not.
func awaitCommits(ctx context.Context, conn *pgx.Conn, sql string, n int) error {
	first, now := -1, 0
	for deadline := time.Now().Add(aimFor); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := conn.QueryRow(ctx, sql).Scan(&now); err != nil {
			return ctx.Err() // the database is what is being disturbed: this moment is as good as any
		}
		if first < 0 {
			first = now
		}
		if now >= first+n {
			return nil
		}
	}
	return ctx.Err()
}

// awaitRunner returns the process that runs a job of the kind, or nothing after a while without one.
func awaitRunner(ctx context.Context, conn *pgx.Conn, kind string) (process string, err error) {
	for deadline := time.Now().Add(aimFor); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		rows, _ := conn.Query(ctx, sqlRunners, kind)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return "", ctx.Err()
		}
		if len(found) > 0 {
			return found[0], nil
		}
	}
	return "", ctx.Err()
}
