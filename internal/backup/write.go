package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/migrations"
)

// Source is what is backed up.
type Source struct {
	OwnerURL string
	Key      []byte // the secret keys' file; nil: it is kept elsewhere
	Settings string // as in postern.toml, without secrets
	Program  string // who made the backup
}

// Write makes a backup in dir, which must not be there or be empty. The desk may run meanwhile: the rows are
// those of one moment. The owner's login is needed, since it alone sees every table.
func Write(ctx context.Context, s Source, dir string) (Manifest, error) {
	m := Manifest{Format: format, Program: s.Program}
	if err := emptyFolder(dir); err != nil {
		return m, err
	}
	conn, err := connect(ctx, s.OwnerURL)
	if err != nil {
		return m, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	once := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	if err := pgx.BeginTxFunc(ctx, conn, once, func(tx pgx.Tx) error { return m.copyOut(ctx, tx, dir) }); err != nil {
		return m, err
	}
	for path, text := range map[string][]byte{KeyFile: s.Key, SettingsFile: []byte(s.Settings)} {
		if len(text) == 0 {
			continue
		}
		f, err := writeFile(dir, path, false, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
		if err != nil {
			return m, err
		}
		m.Files = append(m.Files, f)
	}
	return m, writeManifest(dir, m)
}

func connect(ctx context.Context, ownerURL string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return nil, errors.New("owner_database_url cannot be read") // the parser's words may repeat the password
	}
	config.RuntimeParams["application_name"] = "postern backup"
	// The text of a value must not depend on where it is read.
	config.RuntimeParams["timezone"], config.RuntimeParams["datestyle"] = "UTC", "ISO"
	config.RuntimeParams["intervalstyle"], config.RuntimeParams["bytea_output"] = "postgres", "hex"
	config.RuntimeParams["extra_float_digits"] = "3"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect as the owner: %w", err)
	}
	return conn, nil
}

// copyOut writes every table, in the snapshot that the first statement takes.
func (m *Manifest) copyOut(ctx context.Context, tx pgx.Tx, dir string) (err error) {
	if err := tx.QueryRow(ctx, sqlMoment).Scan(&m.Begun, &m.PostgreSQL); err != nil {
		return err
	}
	if m.Schema, err = migrations.VersionOf(ctx, tx); err != nil {
		return err
	}
	if err := m.Schema.Check(); err != nil {
		return fmt.Errorf("the database: %w", err)
	}
	found, err := listTables(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range found {
		if !t.Whole {
			return fmt.Errorf("row-level security hides rows of %s from this login; use the one that owns the database", t.Name)
		}
		kept := Table{Name: t.Name, Columns: t.Columns}
		kept.File, err = writeFile(dir, tableFile(t.Name), true, func(w io.Writer) error {
			tag, err := tx.Conn().PgConn().CopyTo(ctx, w, "copy (select "+quoted(t.Columns)+" from public."+quoted([]string{t.Name})+") to stdout")
			kept.Rows = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("copy %s: %w", t.Name, err)
		}
		m.Tables = append(m.Tables, kept)
	}
	rows, _ := tx.Query(ctx, sqlPartitions)
	if m.Partitions, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	// Numbers that were given out since the snapshot are skipped: nobody gets them twice.
	rows, _ = tx.Query(ctx, sqlSequences)
	m.Sequences, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Sequence])
	return err
}

// table is one of the database.
type table struct {
	Name    string
	Columns []string
	Forced  bool // row-level security holds for its owner too
	Whole   bool // this login sees every row
}

// listTables lists the tables whose rows are the desk's: neither of a migration nor of who is alive.
func listTables(ctx context.Context, tx pgx.Tx) ([]table, error) {
	rows, _ := tx.Query(ctx, sqlTables)
	return pgx.CollectRows(rows, pgx.RowToStructByPos[table])
}

// quoted lists names as SQL takes them.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = pgx.Identifier{name}.Sanitize()
	}
	return strings.Join(out, ", ")
}
