package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/migrations"

	"log/slog"
	"path/filepath"
)

type migrateCmd struct {
	config.Storage
	Action string `arg:"" optional:"" default:"up" enum:"up,status" help:"up or status."`
}

// Run migrates, or tells how the schema stands.
func (c *migrateCmd) Run(ctx context.Context, s streams) (err error) {
	owner := c.OwnerDatabaseURL.Reveal()
	if owner == "" && c.DatabaseURL.IsSet() {
		return errors.New("POSTERN_OWNER_DATABASE_URL: set it to the login that owns the database; the application's login must not change the schema")
	}
	if owner == "" {
		dir, err := filepath.Abs(filepath.Join(c.DataDir, "postgres"))
		if err != nil {
			return err
		}
		st := &store{joins: true}
		if owner, err = st.ownPostgres(ctx, dir, c.PGBin, slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, st.close(context.WithoutCancel(ctx))) }()
	}
	if c.Action == "up" {
		if err := migrations.Up(ctx, owner); err != nil {
			return err
		}
		if err := migrations.SetPassword(ctx, owner, c.DatabaseURL.Reveal()); err != nil {
			return err
		}
	}
	states, err := migrations.Status(ctx, owner)
	for _, m := range states {
		mark := "pending"
		if m.Applied {
			mark = "applied"
		}
		fmt.Fprintf(s.out, "%-8s %s\n", mark, m.Name)
	}
	return err
}
