package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
)

// passwords are made once for a cluster and kept in a file that only its owner reads.
type passwords struct {
	Super string `json:"postgres"`
	Owner string `json:"postern_owner"`
	App   string `json:"postern_app"`
}

// ErrDataGone says that a folder once held a database and that its data directory is missing.
// Making an empty one instead would look as if every email had been lost.
var ErrDataGone = errors.New("the data directory is missing although the database once existed")

func (k *cluster) passwordFile() string { return filepath.Join(k.dir, "passwords.json") }

// ensureCluster makes the cluster unless it exists. A crash on the way leaves data.new, which
// the next start throws away: only the last step makes it the data directory.
func (k *cluster) ensureCluster(ctx context.Context) (passwords, error) {
	fresh := k.data + ".new"
	if k.exists() {
		return k.readPasswords()
	}
	_, errFresh := os.Stat(fresh)
	_, errKeys := os.Stat(k.passwordFile())
	if errKeys == nil && errFresh != nil {
		return passwords{}, fmt.Errorf("%w: restore %s, or remove %s to begin anew", ErrDataGone, k.data, k.dir)
	}
	keys, err := newPasswords()
	if err != nil {
		return keys, err
	}
	if err := os.RemoveAll(fresh); err != nil {
		return keys, err
	}
	k.log.InfoContext(ctx, "making a database cluster", "dir", k.data)
	if err := k.initdb(ctx, fresh, keys.Super); err != nil {
		return keys, err
	}
	text, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return keys, err
	}
	if err := writeWhole(k.passwordFile(), text, 0o600); err != nil {
		return keys, fmt.Errorf("keep the passwords: %w", err)
	}
	if err := os.Rename(fresh, k.data); err != nil {
		return keys, err
	}
	return keys, syncDir(k.home)
}

// initdb makes the cluster: UTF-8 with code point order, so that an upgrade of the system's
// collations never corrupts an index; checksums, so that a broken disk is noticed.
func (k *cluster) initdb(ctx context.Context, dir, password string) error {
	secret := filepath.Join(k.home, "initdb.secret")
	defer os.Remove(secret)
	if err := writeWhole(secret, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, path := range []string{secret, dir} {
		if err := k.own(path); err != nil {
			return err
		}
	}
	locale := "C.UTF-8"
	if runtime.GOOS == "darwin" {
		locale = "en_US.UTF-8" // has no C.UTF-8; sorts by code point too
	}
	args := []string{"-D", dir, "-U", superRole, "--pwfile", secret, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", locale, "--data-checksums"}
	if k.fast {
		args = append(args, "--no-sync")
	}
	cmd := k.command("initdb", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, lastLines(out.Bytes()))
	}
	return nil
}

func newPasswords() (passwords, error) {
	var p passwords
	for _, field := range []*string{&p.Super, &p.Owner, &p.App} {
		secret := make([]byte, 24)
		if _, err := rand.Read(secret); err != nil {
			return p, err
		}
		*field = hex.EncodeToString(secret)
	}
	return p, nil
}

var passwordForm = regexp.MustCompile(`^[0-9a-f]{32,}$`)

func (k *cluster) readPasswords() (passwords, error) {
	var p passwords
	text, err := os.ReadFile(k.passwordFile())
	if err != nil {
		return p, fmt.Errorf("read the database's passwords: %w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("read the database's passwords: %w", err)
	}
	for _, secret := range []string{p.Super, p.Owner, p.App} {
		if !passwordForm.MatchString(secret) { // they go into SQL and URLs as they are
			return p, fmt.Errorf("%s: a password is not made of hexadecimal digits", k.passwordFile())
		}
	}
	return p, nil
}
