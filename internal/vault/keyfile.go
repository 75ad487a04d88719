package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxKeyFile allows 64 keys: whoever names a disk image by mistake gets an
// error, not a full memory.
const maxKeyFile = 64 * KeySize

// Open reads the master keys in keyFile, or creates it with one new random key
// and mode 0600 (its directory too, 0700). The file is [KeySize] raw bytes for
// each key, oldest first: the last one seals, the others only open, so
// appending 32 random bytes and restarting rotates the key.
func Open(keyFile string) (*Vault, error) {
	raw, err := readKeys(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(keyFile); err != nil {
			return nil, fmt.Errorf("vault: creating the key file: %w", err)
		}
		raw, err = readKeys(keyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: reading the key file: %w", err)
	}
	if len(raw) == 0 || len(raw)%KeySize != 0 {
		return nil, fmt.Errorf("vault: key file %s: want one or more keys of %d raw bytes, not a file of %d bytes",
			keyFile, KeySize, len(raw))
	}
	last := len(raw) - KeySize
	var older [][]byte
	for i := 0; i < last; i += KeySize {
		older = append(older, raw[i:i+KeySize])
	}
	return New(raw[last:], older...)
}

func readKeys(keyFile string) ([]byte, error) {
	info, err := os.Stat(keyFile)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%s is no key file: want a regular file of at most %d bytes", keyFile, maxKeyFile)
	}
	return os.ReadFile(keyFile)
}

// createKey makes the file appear whole or not at all: a key that was used and
// then lost in a power cut would take everything sealed with it along.
func createKey(keyFile string) error {
	dir := filepath.Dir(keyFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	draft, err := os.CreateTemp(dir, ".key-*") // CreateTemp makes it 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	if err := writeKey(draft); err != nil {
		return err
	}
	// Link, unlike Rename, never replaces a key that another process has just
	// made: the later one reads the earlier one's.
	if err := os.Link(draft.Name(), keyFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func writeKey(f *os.File) error {
	key := make([]byte, KeySize)
	rand.Read(key) // never fails (crypto/rand)
	_, err := f.Write(key)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
