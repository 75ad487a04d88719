package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"

	"github.com/postern-desk/postern/migrations"
)

// Target is where a backup becomes a desk again.
type Target struct {
	OwnerURL    string
	HoldLetters bool // letters not sent when the backup began wait for a person
}

// ErrTaken says that the database holds a desk already.
var ErrTaken = errors.New("the database is not empty; restore into a new one")

// bookkeeping are the tables in which a desk that was never used has rows too.
var bookkeeping = []string{"river_job", "river_queue", "limit_counters"}

// ticketsApart is how many ticket numbers are skipped: those given out after the backup are in letters that
// people have, and must not come to mean other tickets.
const ticketsApart = 1000

// Restore makes the schema of the backup, fills it in one transaction, and brings it up to this program's. A
// database that holds anything of a desk is refused; what fails on the way may be tried again.
func Restore(ctx context.Context, t Target, dir string, m Manifest) (held int64, err error) {
	if err := migrations.Make(ctx, t.OwnerURL, m.Schema); err != nil {
		return 0, err
	}
	conn, err := connect(ctx, t.OwnerURL)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
		if err := copyIn(ctx, tx, dir, m); err != nil {
			return err
		}
		held, err = settle(ctx, tx, t, m)
		return err
	})
	if err != nil {
		return 0, err
	}
	if err := migrations.Up(ctx, t.OwnerURL); err != nil {
		return held, err
	}
	_, err = conn.Exec(ctx, "analyze") // else the first plans are made for empty tables
	return held, err
}

// copyIn fills the tables, each after those that it refers to.
func copyIn(ctx context.Context, tx pgx.Tx, dir string, m Manifest) error {
	there, err := listTables(ctx, tx)
	if err != nil {
		return err
	}
	if err := requireEmpty(ctx, tx, there); err != nil {
		return err
	}
	for _, name := range m.Partitions {
		i := strings.LastIndexByte(name, '_')
		if i < 0 {
			return fmt.Errorf("%q is no month of a table", name)
		}
		if _, err := tx.Exec(ctx, sqlMonth, name[:i], name[i+1:]); err != nil {
			return fmt.Errorf("make the month %s: %w", name, err)
		}
	}
	order, err := inOrder(ctx, tx, m.Tables)
	if err != nil {
		return err
	}
	for _, kept := range order {
		i := slices.IndexFunc(there, func(t table) bool { return t.Name == kept.Name })
		if i < 0 {
			return fmt.Errorf("the schema has no table %s", kept.Name)
		}
		if err := fill(ctx, tx, filepath.Join(dir, kept.File.Path), kept, there[i].Forced); err != nil {
			return fmt.Errorf("fill %s: %w", kept.Name, err)
		}
	}
	return nil
}

// requireEmpty refuses a database in which a desk works or worked. The bookkeeping of one that was never used
// is cleared.
func requireEmpty(ctx context.Context, tx pgx.Tx, tables []table) error {
	var runs bool
	if err := tx.QueryRow(ctx, sqlRuns).Scan(&runs); err != nil {
		return err
	}
	if runs {
		return errors.New("a desk is running on this database; stop it first")
	}
	for _, t := range tables {
		name := "public." + quoted([]string{t.Name})
		if slices.Contains(bookkeeping, t.Name) {
			if _, err := tx.Exec(ctx, "delete from "+name); err != nil {
				return err
			}
			continue
		}
		var used bool
		if err := tx.QueryRow(ctx, "select exists (select from "+name+")").Scan(&used); err != nil {
			return err
		}
		if used {
			return fmt.Errorf("%w (%s has rows)", ErrTaken, t.Name)
		}
	}
	return nil
}

// inOrder puts every table behind those that its foreign keys name.
func inOrder(ctx context.Context, tx pgx.Tx, tables []Table) ([]Table, error) {
	rows, _ := tx.Query(ctx, sqlArrows)
	type arrow struct{ From, To string }
	arrows, err := pgx.CollectRows(rows, pgx.RowToStructByPos[arrow])
	if err != nil {
		return nil, err
	}
	var order []Table
	left := slices.Clone(tables)
	for len(left) > 0 {
		waits := func(t Table) bool {
			return slices.ContainsFunc(arrows, func(a arrow) bool {
				return a.From == t.Name && slices.ContainsFunc(left, func(other Table) bool { return other.Name == a.To })
			})
		}
		i := slices.IndexFunc(left, func(t Table) bool { return !waits(t) })
		if i < 0 {
			return nil, errors.New("the tables refer to each other in a circle")
		}
		order, left = append(order, left[i]), slices.Delete(left, i, i+1)
	}
	return order, nil
}

// fill copies a table's rows. COPY goes past row-level security for the owner alone, and only where the owner
// is not held to it.
func fill(ctx context.Context, tx pgx.Tx, path string, t Table, forced bool) error {
	name := "public." + quoted([]string{t.Name})
	if forced {
		if _, err := tx.Exec(ctx, "alter table "+name+" no force row level security"); err != nil {
			return err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	tag, err := tx.Conn().PgConn().CopyFrom(ctx, z, "copy "+name+" ("+quoted(t.Columns)+") from stdin")
	if err != nil {
		return err
	}
	if n := tag.RowsAffected(); n != t.Rows {
		return fmt.Errorf("%d rows came, the manifest says %d", n, t.Rows)
	}
	if forced {
		_, err = tx.Exec(ctx, "alter table "+name+" force row level security")
	}
	return err
}

// settle puts right what was true of the desk of that moment only.
func settle(ctx context.Context, tx pgx.Tx, t Target, m Manifest) (held int64, err error) {
	for _, s := range m.Sequences {
		if s.Name == "ticket_numbers" {
			s.Last += ticketsApart
		}
		if _, err := tx.Exec(ctx, sqlContinue, s.Name, s.Last); err != nil {
			return 0, fmt.Errorf("continue %s: %w", s.Name, err)
		}
	}
	for _, sql := range []string{sqlForgetPolls, sqlReleaseJobs} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return 0, fmt.Errorf("put the queue right: %w", err)
		}
	}
	if !t.HoldLetters {
		return 0, nil
	}
	tag, err := tx.Exec(ctx, sqlHoldLetters, "held back: restored from the backup of "+m.Begun.Format(time.RFC3339)+
		"; it may have been sent since. Resend it if it did not arrive")
	return tag.RowsAffected(), err
}
