package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/migrations"
)

// databasePatience bounds all that is asked of the database before the mailboxes.
const databasePatience = 20 * time.Second

const sqlServer = `select current_setting('server_version'), current_setting('server_version_num')::integer, current_user::text, clock_timestamp()`

// oldestServer is PostgreSQL 15, the first with what the schema uses.
const oldestServer = 150000

// openDatabase finds the database without changing anything in it; the desk's own is started where no desk runs.
func (d *doctor) openDatabase(ctx context.Context) bool {
	d.store = &store{joins: true, appURL: d.set.DatabaseURL.Reveal(), ownerURL: d.set.OwnerDatabaseURL.Reveal()}
	if d.store.appURL == "" && !d.openOwnDatabase(ctx) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, databasePatience)
	defer cancel()
	var err error
	if d.store.db, err = db.Open(ctx, d.store.appURL, db.Options{AppConns: 4}); err != nil {
		seen, remedy := blameDatabase(err, d.store.appURL)
		d.fail("database", seen, remedy)
		if err := d.store.close(context.WithoutCancel(ctx)); err != nil {
			d.fail("database", err.Error(), "look into PostgreSQL's log")
		}
		return false
	}
	return true
}

func (d *doctor) openOwnDatabase(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	dir, err := filepath.Abs(filepath.Join(d.set.DataDir, "postgres"))
	// A cluster that is made here, perhaps by another user than the desk's, would be in the desk's way.
	if _, absent := os.Stat(dir); errors.Is(absent, os.ErrNotExist) {
		d.warn("database", "the desk's own is not there yet", "make it: postern migrate; or set POSTERN_DATABASE_URL")
		return false
	}
	if err == nil {
		d.store.ownerURL, err = d.store.ownPostgres(ctx, dir, d.set.PGBin, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		d.fail("database", err.Error(), "install PostgreSQL 15 or newer (Debian: apt-get install postgresql), or set POSTERN_DATABASE_URL")
		return false
	}
	for _, raw := range []string{d.store.appURL, d.store.ownerURL} {
		d.hide(passwordIn(raw))
	}
	return true
}

// blameDatabase tells why the application's login does not come to its database. The server's own words are told
// where it spoke: the first of them says what it is about.
func blameDatabase(err error, raw string) (seen, remedy string) {
	u, parseErr := url.Parse(raw)
	if parseErr != nil {
		return "POSTERN_DATABASE_URL cannot be read", "set it as postgres://postern_app:PASSWORD@HOST/DATABASE"
	}
	at := place{host: u.Hostname(), server: u.Host, rename: "set POSTERN_DATABASE_URL to postgres://postern_app:PASSWORD@HOST:PORT/DATABASE",
		secure: "set sslmode in POSTERN_DATABASE_URL to what the server does (disable, require, verify-full)"}
	var said *pgconn.PgError
	if errors.As(err, &said) {
		seen = fmt.Sprintf("%s answers: %s (%s)", at.server, said.Message, said.Code)
		switch said.Code {
		case "28P01", "28000": // invalid_password, invalid_authorization_specification
			return seen, "correct the login in POSTERN_DATABASE_URL, and have it set with the owner's: POSTERN_OWNER_DATABASE_URL=postgres://OWNER@HOST/DATABASE postern migrate"
		case "3D000": // invalid_catalog_name
			return seen, "make it as its owner-to-be: createdb " + strings.TrimPrefix(u.Path, "/") + "; then: postern migrate"
		case "53300": // too_many_connections
			return seen, "raise max_connections of the server: docs/scaling.md tells how many a process takes"
		}
		return seen, "do what the server asks for, or name another one in POSTERN_DATABASE_URL"
	}
	if seen, remedy = blame(err, at); seen != "" {
		return seen, remedy
	}
	return err.Error(), "start PostgreSQL, or name another one in POSTERN_DATABASE_URL"
}

// checkDatabase reports whether the rest can be looked at.
func (d *doctor) checkDatabase(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, databasePatience)
	defer cancel()
	var version, user string
	var number int
	var now time.Time
	pool, before := d.store.db.Pool(), time.Now()
	if err := pool.QueryRow(ctx, sqlServer).Scan(&version, &number, &user, &now); err != nil {
		d.fail("database", err.Error(), "look into PostgreSQL's log")
		return false
	}
	after, whose := time.Now(), "the server of POSTERN_DATABASE_URL"
	if !d.set.DatabaseURL.IsSet() {
		whose = "the desk's own"
	}
	if number < oldestServer {
		d.fail("database", "PostgreSQL "+version+", "+whose, "move to PostgreSQL 15 or newer, as docs/operations.md tells under: A new release of PostgreSQL")
	} else {
		d.ok("database", "PostgreSQL "+version+", "+whose)
	}
	d.checkClock("database clock", now, before, after)
	if !d.checkSchema(ctx) {
		return false
	}
	d.checkRoles(ctx, user)
	return true
}

// checkSchema compares with what this program knows.
func (d *doctor) checkSchema(ctx context.Context) bool {
	const name, remedy = "schema", "run: postern migrate"
	if err := d.store.db.Ready(ctx); err != nil {
		d.fail(name, err.Error(), remedy)
		return false
	}
	pool := d.store.db.Pool()
	at, err := migrations.Read(ctx, pool)
	switch {
	case err != nil:
		d.fail(name, err.Error(), remedy)
	case at.Check() != nil:
		d.fail(name, at.Check().Error(), "install the release that made the schema, or a newer one; this program is "+release())
	case migrations.Current(ctx, pool) != nil:
		d.fail(name, "migrations are pending: "+d.pending(ctx, at), remedy)
	default:
		d.ok(name, fmt.Sprintf("up to date, migration %d", at.Schema))
	}
	return true
}

// pending names the migrations; only the owner can tell which.
func (d *doctor) pending(ctx context.Context, at migrations.Version) string {
	var names []string
	if d.store.ownerURL != "" {
		states, _ := migrations.Status(ctx, d.store.ownerURL) // checkOwner tells what is wrong with that login
		for _, s := range states {
			if !s.Applied {
				names = append(names, s.Name)
			}
		}
	}
	if names == nil {
		return fmt.Sprintf("the database is at %d", at.Schema)
	}
	return strings.Join(names, ", ")
}

// passwordIn is the password of a database URL.
func passwordIn(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}
