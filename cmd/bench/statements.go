package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// serverSettings are the product's own, and the extension that counts statements where it is asked for.
func (b *bench) serverSettings() map[string]string {
	if !b.showStatements {
		return nil
	}
	return map[string]string{"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "top"}
}

// countStatements is for the superuser.
func (b *bench) countStatements(ctx context.Context, d *desk) error {
	if !b.showStatements {
		return nil
	}
	super, err := url.Parse(d.postgres.SuperURL)
	if err != nil {
		return err
	}
	super.Path = "/postern"
	conn, err := pgx.Connect(ctx, super.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `create extension pg_stat_statements; grant pg_read_all_stats to postern_owner`)
	return err
}

const sqlCostliest = `
select calls, total_exec_time, rows, wal_bytes::bigint, regexp_replace(query, '\s+', ' ', 'g')
from pg_stat_statements order by total_exec_time desc limit 30`

// statements prints what the database spent its time on.
func (b *bench) statements(ctx context.Context, d *desk, of string) error {
	if !b.showStatements {
		return nil
	}
	rows, err := d.pool.Query(ctx, sqlCostliest)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "\nStatements of %s by execution time\n%8s %10s %8s %9s\n", of, "calls", "ms", "rows", "WAL KiB")
	var calls, affected, wal int64
	var spent float64
	var text string
	_, err = pgx.ForEachRow(rows, []any{&calls, &spent, &affected, &wal, &text}, func() error {
		text = strings.TrimSpace(text)
		fmt.Fprintf(os.Stderr, "%8d %10.0f %8d %9d  %s\n", calls, spent, affected, wal>>10, text[:min(110, len(text))])
		return nil
	})
	return err
}
