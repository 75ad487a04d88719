package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/migrations"
)

type migrateCmd struct {
	config.Storage `group:"Storage"`
	Action         string `arg:"" optional:"" default:"up" enum:"up,status" help:"up or status."`
}

// Run migrates, or tells how the schema stands.
func (c *migrateCmd) Run(ctx context.Context, s streams) (err error) {
	st := &store{joins: true}
	owner, err := st.ownerOf(ctx, c.Storage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close(context.WithoutCancel(ctx))) }()
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
