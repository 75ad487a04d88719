package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-desk/postern/internal/backup"
	"github.com/postern-desk/postern/internal/config"
)

type backupCmd struct {
	config.Settings
	Dir        string `arg:"" help:"The folder to write; it must not be there yet, or be empty."`
	WithoutKey bool   `name:"without-key" help:"Leave the secret key out: you keep it elsewhere."`
}

// Run writes a backup beside a running desk, or alone. It migrates nothing: a newer program can back a desk up
// before it is upgraded.
func (c *backupCmd) Run(ctx context.Context, s streams) (err error) {
	began := time.Now()
	if err := hasDesk(c.Storage); err != nil {
		return err
	}
	st := &store{joins: true}
	owner, err := st.ownerOf(ctx, c.Storage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close(context.WithoutCancel(ctx))) }()
	source := backup.Source{OwnerURL: owner, Settings: c.TOML(), Program: "postern " + version}
	if !c.WithoutKey {
		if source.Key, err = os.ReadFile(c.KeyFile()); err != nil {
			return fmt.Errorf("secret_key_file: %w; say where it is, or --without-key", err)
		}
	}
	m, err := backup.Write(ctx, source, c.Dir)
	if err != nil {
		return fmt.Errorf("the backup in %s is not whole: %w", c.Dir, err)
	}
	secret := "It holds the secret key and everybody's email: keep it as you keep a password."
	if c.WithoutKey {
		secret = "It holds everybody's email, and is of no use without the secret key, which is not in it."
	}
	_, err = fmt.Fprintf(s.out, "%s: %d tickets, %d emails, %s in %s\n%s\n", c.Dir, m.Rows("tickets"), m.Rows("inbound_emails"),
		sizeOf(m.Bytes()), time.Since(began).Round(time.Millisecond), secret)
	return err
}

func sizeOf(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// ownerOf is the owner's login: the operator's, or that of the desk's own PostgreSQL, which it starts or joins.
func (st *store) ownerOf(ctx context.Context, s config.Storage) (string, error) {
	if owner := s.OwnerDatabaseURL.Reveal(); owner != "" {
		st.appURL = s.DatabaseURL.Reveal()
		return owner, nil
	}
	if s.DatabaseURL.IsSet() {
		return "", errors.New("POSTERN_OWNER_DATABASE_URL: set it to the login that owns the database; the application's may neither change the schema nor see all of it")
	}
	dir, err := filepath.Abs(filepath.Join(s.DataDir, "postgres"))
	if err != nil {
		return "", err
	}
	return st.ownPostgres(ctx, dir, s.PGBin, slog.New(slog.DiscardHandler))
}
