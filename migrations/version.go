package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
)

// Version names a schema: ours by its last migration and the SQL up to it, the queue's by its own number.
type Version struct {
	Schema      int64  `json:"schema"`
	Fingerprint string `json:"fingerprint"`
	Queue       int    `json:"queue"`
}

// The errors of a schema that this program cannot take over.
var (
	ErrNewer = errors.New("its schema is newer than this program; use the program that made it, or a newer one")
	ErrOther = errors.New("its schema is of another build; use the program that made it")
	ErrTaken = errors.New("the database has another schema already; give an empty one")
)

// Check tells whether this program knows the schema.
func (v Version) Check() error {
	if v.Schema > newest() || v.Queue > riverVersion {
		return ErrNewer
	}
	if v.Schema < 1 || v.Queue < 1 || v.Fingerprint != fingerprintUpTo(v.Schema) {
		return ErrOther
	}
	return nil
}

// newest is the number of the last migration.
func newest() (last int64) {
	for _, name := range fileNames() {
		last = max(last, numberOf(name))
	}
	return last
}

func fileNames() []string {
	names, _ := fs.Glob(files, "*.sql") // the pattern is a constant and well-formed
	slices.Sort(names)
	return names
}

func numberOf(name string) int64 {
	number, _, _ := strings.Cut(name, "_")
	n, _ := strconv.ParseInt(number, 10, 64) // goose refuses others
	return n
}

func fingerprintUpTo(version int64) string {
	h := sha256.New()
	for _, name := range fileNames() {
		if numberOf(name) > version {
			break
		}
		text, _ := files.ReadFile(name)
		fmt.Fprintf(h, "%s %d\n", name, len(text))
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

const sqlVersion = `
select (select coalesce(max(version_id), 0) from goose_db_version where is_applied),
    (select coalesce(max(version), 0) from river_migration where line = 'main')`

// VersionOf reads which schema the database of a transaction has.
func VersionOf(ctx context.Context, tx pgx.Tx) (v Version, err error) {
	if err := tx.QueryRow(ctx, sqlVersion).Scan(&v.Schema, &v.Queue); err != nil {
		return v, fmt.Errorf("read the schema's version: %w", err)
	}
	v.Fingerprint = fingerprintUpTo(v.Schema)
	return v, nil
}

// Read reads which schema a database has. The application's role is enough to ask.
func Read(ctx context.Context, pool *pgxpool.Pool) (v Version, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		v, err = VersionOf(ctx, tx)
		return err
	})
	return v, err
}

// ErrPending says that this program knows migrations which the database has not seen.
var ErrPending = errors.New("migrations are pending; run `postern migrate`")

// Current reports whether the database has every migration that this program knows. It may have more: while
// versions are exchanged, processes of the older one work on. The application's role is enough to ask.
func Current(ctx context.Context, pool *pgxpool.Pool) error {
	var v Version
	if err := pool.QueryRow(ctx, sqlVersion).Scan(&v.Schema, &v.Queue); err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if v.Schema < newest() || v.Queue < riverVersion {
		return ErrPending
	}
	return nil
}

// Make gives an empty database the schema of an older version, or of this one. What already stands there
// must be of that version: ErrTaken.
func Make(ctx context.Context, ownerURL string, v Version) error {
	if err := v.Check(); err != nil {
		return err
	}
	return migrate(ctx, ownerURL, func(db *sql.DB, p *goose.Provider) error {
		if at, err := p.GetDBVersion(ctx); err != nil || at != 0 && at != v.Schema {
			return errors.Join(err, ErrTaken)
		}
		if _, err := p.UpTo(ctx, v.Schema); err != nil {
			return fmt.Errorf("make the schema: %w", err)
		}
		return riverUp(ctx, ownerURL, v.Queue)
	})
}
