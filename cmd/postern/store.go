package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/migrations"
)

// store is the database and the keys: what every command needs that looks at data.
type store struct {
	db       *db.DB
	vault    *vault.Vault
	postgres *embedded.Postgres // nil: the operator's own server
	appURL   string
	ownerURL string // empty: unknown
	host     string // the data folder, where it is this process's alone
	joins    bool   // a command: it may work beside a running desk
	begun    bool   // a desk must be there: none is made
	anyKey   bool   // secrets that the key does not open are to be given anew
}

// openStore starts the embedded PostgreSQL where no database is configured, brings the schema up to date
// where the owner's login is known, and opens the keys. For a server of the operator's that is away it waits.
func openStore(ctx context.Context, s config.Storage, conns int32, log *slog.Logger) (*store, error) {
	return (&store{}).openAll(ctx, s, conns, log)
}

// joinStore is openStore for one command about a desk that is there, which may be running.
func joinStore(ctx context.Context, s config.Storage) (*store, error) {
	return (&store{joins: true, begun: true}).openAll(ctx, s, commandConns, slog.New(slog.DiscardHandler))
}

// commandConns is enough for what one command asks.
const commandConns = 4

func (st *store) openAll(ctx context.Context, s config.Storage, conns int32, log *slog.Logger) (*store, error) {
	if err := hasDesk(s); st.begun && err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("data_dir: %w; name a folder that can be made, with --data-dir or POSTERN_DATA_DIR", err)
	}
	_, err := os.Stat(s.KeyFile())
	newKey := errors.Is(err, os.ErrNotExist)
	st.appURL = s.DatabaseURL.Reveal()
	owner := s.OwnerDatabaseURL.Reveal()
	if st.appURL == "" {
		dir, err := filepath.Abs(filepath.Join(s.DataDir, "postgres"))
		if err != nil {
			return nil, err
		}
		if owner, err = st.ownPostgres(ctx, dir, s.PGBin, log); err != nil {
			return nil, err
		}
	}
	if err := st.openWhenThere(ctx, func() error { return st.open(ctx, s, owner, conns) }, log); err != nil {
		return nil, errors.Join(err, st.close(context.WithoutCancel(ctx)))
	}
	if newKey {
		log.Warn("a new secret key was made; passwords are sealed with it, so keep a copy", "file", s.KeyFile())
	}
	return st, nil
}

// hasDesk refuses a data folder without a desk: a command in the wrong folder would make an empty one there.
func hasDesk(s config.Storage) error {
	if _, err := os.Stat(filepath.Join(s.DataDir, "postgres")); err != nil && !s.DatabaseURL.IsSet() {
		return fmt.Errorf("data_dir: there is no desk in %s; name its data folder with --data", s.DataDir)
	}
	return nil
}

// ownPostgres starts the desk's own server. A command beside a running desk joins the desk's.
func (st *store) ownPostgres(ctx context.Context, dir, bin string, log *slog.Logger) (owner string, err error) {
	if err := checkPrograms(bin); err != nil {
		return "", err
	}
	pg, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{Dir: dir, BinDir: bin, Log: log})
	switch {
	case err == nil:
		st.postgres, st.host = pg, dir
	case errors.Is(err, embedded.ErrRunning) && st.joins:
		if pg, err = embedded.JoinPostgres(dir); err != nil {
			return "", err
		}
	default:
		return "", err
	}
	st.appURL = pg.AppURL
	return pg.OwnerURL, nil
}

// checkPrograms refuses a folder that is no folder of PostgreSQL's before anything is done.
func checkPrograms(bin string) error {
	for _, name := range []string{"initdb", "postgres"} {
		if bin == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return fmt.Errorf("POSTERN_PG_BIN: there is no %s in %s; name the folder of PostgreSQL's server programs, such as /usr/lib/postgresql/15/bin, or leave it empty and they are looked for", name, bin)
		}
	}
	return nil
}

// How long is waited between two looks for the database.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 15 * time.Second
)

// openWhenThere tries until the database can be reached: a desk may be started before it, as after a power cut. What
// it refuses, such as a wrong password, ends the waiting, and so does ctx. A command waits for nothing.
func (st *store) openWhenThere(ctx context.Context, open func() error, log *slog.Logger) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := open()
		if err == nil || st.joins || st.postgres != nil || !isAway(err) {
			return err
		}
		if st.db != nil {
			st.db.Close()
			st.db = nil
		}
		log.Warn("the database cannot be reached; the desk waits for it", "next_try_in", pause, "error", oneLine(err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// isAway reports that there was no server to answer, or none that takes connections now.
func isAway(err error) bool {
	const tooManyConnections = "53300"
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == tooManyConnections || db.Unreachable(err)
}

func (st *store) open(ctx context.Context, s config.Storage, owner string, conns int32) (err error) {
	if owner != "" {
		if err := migrations.Up(ctx, owner); err != nil {
			return err
		}
	}
	if err := st.connect(ctx, conns); err != nil {
		return err
	}
	if err := st.ready(ctx); err != nil {
		return fmt.Errorf("the database has no schema of this version; run `postern migrate up` with owner_database_url set: %w", err)
	}
	if err := st.db.CheckLogin(ctx); err != nil {
		return fmt.Errorf("database_url: %w", err)
	}
	return st.openKeys(ctx, s.KeyFile())
}

// ready reports whether the database answers and has this version's schema.
func (st *store) ready(ctx context.Context) error {
	if err := st.db.Ready(ctx); err != nil {
		return err
	}
	return migrations.Current(ctx, st.db.Pool())
}

func (st *store) connect(ctx context.Context, conns int32) (err error) {
	if st.db, err = db.Open(ctx, st.appURL, db.Options{AppConns: conns, Name: st.name()}); err != nil {
		return fmt.Errorf("database_url: see that PostgreSQL runs there and that user, password and database are right: %w", err)
	}
	return nil
}

// name is what the process is called at PostgreSQL: there the doctor sees which releases run.
func (st *store) name() string {
	if st.joins {
		return ""
	}
	return runs + release()
}

// openKeys refuses another key than the one that the database's secrets are sealed with: a new one in its
// place would leave mailboxes without passwords and letters without bytes.
func (st *store) openKeys(ctx context.Context, file string) error {
	boxes, err := mailboxes.New(st.db, nil).List(ctx, cliActor())
	if err != nil {
		return err
	}
	if st.anyKey {
		boxes = nil
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) && len(boxes) > 0 {
		return fmt.Errorf("secret_key_file: %s is missing, and the passwords in the database are sealed with it; put it back from a backup, or see what postern doctor says", file)
	}
	if st.vault, err = vault.Open(file); err != nil {
		return fmt.Errorf("secret_key_file: %w; name the desk's key file, or one that is not there yet and it is made", err)
	}
	for _, m := range boxes {
		_, err := mailboxes.New(st.db, st.vault).Secrets(ctx, m.ID)
		if errors.Is(err, vault.ErrSealed) {
			return fmt.Errorf("secret_key_file: %s is not the key that the passwords in the database are sealed with; put the right one back, or see what postern doctor says", file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ended is closed when the embedded PostgreSQL ended; nil, and so never, for the operator's own.
func (st *store) ended() <-chan struct{} {
	if st.postgres == nil {
		return nil
	}
	return st.postgres.Done()
}

func (st *store) close(ctx context.Context) error {
	if st.db != nil {
		st.db.Close()
	}
	if st.postgres == nil {
		return nil
	}
	return st.postgres.Stop(ctx)
}
