package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-desk/postern/internal/backup"
	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/migrations"
)

type restoreCmd struct {
	config.Storage `group:"Storage"`
	Dir            string `arg:"" help:"The folder that postern backup wrote."`
	HoldLetters    bool   `name:"hold-letters" help:"Do not send what was waiting to be sent when the backup began, since it may have been sent after it; resend what did not arrive."`
}

// Run makes a desk of a backup, in a new data folder or an empty database.
func (c *restoreCmd) Run(ctx context.Context, s streams) (err error) {
	began := time.Now()
	m, err := backup.Open(c.Dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	// First: a database whose key is missing would be of no use.
	if err := c.putKey(m); err != nil {
		return err
	}
	st := &store{}
	owner, err := st.ownerOf(ctx, c.Storage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close(context.WithoutCancel(ctx))) }()
	held, err := backup.Restore(ctx, backup.Target{OwnerURL: owner, HoldLetters: c.HoldLetters}, c.Dir, m)
	if err != nil {
		return err
	}
	if err := migrations.SetPassword(ctx, owner, c.DatabaseURL.Reveal()); err != nil {
		return err
	}
	if err := st.open(ctx, c.Storage, owner, 4); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "restored the desk of %s: %d tickets, %d emails in %s\n", m.Begun.Format(time.RFC3339), m.Rows("tickets"),
		m.Rows("inbound_emails"), time.Since(began).Round(time.Millisecond))
	if c.HoldLetters {
		fmt.Fprintf(s.out, "%d letters are held back; see GET /v1/outbound-emails?state=unknown\n", held)
	}
	if m.Has(backup.SettingsFile) {
		fmt.Fprintf(s.out, "Its settings were those in %s.\n", filepath.Join(c.Dir, backup.SettingsFile))
	}
	_, err = fmt.Fprintln(s.out, "Try: postern doctor, then postern serve")
	return err
}

// putKey puts the backup's key in its place. Another key there is another desk's and stays.
func (c *restoreCmd) putKey(m backup.Manifest) error {
	place := c.KeyFile()
	there, err := os.ReadFile(place)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("secret_key_file: %w", err)
	}
	if !m.Has(backup.KeyFile) {
		if err != nil {
			return fmt.Errorf("secret_key_file: the backup was made without the key; put it at %s first", place)
		}
		return nil
	}
	key, readErr := os.ReadFile(filepath.Join(c.Dir, backup.KeyFile))
	switch {
	case readErr != nil:
		return readErr
	case err == nil && !bytes.Equal(there, key):
		return fmt.Errorf("secret_key_file: %s is another key, of another desk; name a new data folder with --data", place)
	case err == nil:
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	}
	half := place + ".new"
	if err := os.WriteFile(half, key, 0o600); err != nil {
		return err
	}
	return os.Rename(half, place)
}
