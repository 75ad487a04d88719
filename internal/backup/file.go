package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// writer is a file that is hashed and counted while it is written.
type writer struct {
	file *os.File
	hash hash.Hash
	n    int64
}

func create(path string) (*writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return &writer{file: f, hash: sha256.New()}, err
}

// Write is io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.hash.Write(p[:n])
	w.n += int64(n)
	return n, err
}

// end makes the file durable.
func (w *writer) end(path string) (File, error) {
	err := errors.Join(w.file.Sync(), w.file.Close())
	return File{Path: path, Bytes: w.n, SHA256: hex.EncodeToString(w.hash.Sum(nil))}, err
}

// writeFile makes a file of the backup out of what fn writes, compressed or as it is.
func writeFile(dir, path string, packed bool, fn func(io.Writer) error) (File, error) {
	w, err := create(filepath.Join(dir, path))
	if err != nil {
		return File{}, err
	}
	if !packed {
		err = fn(w)
	} else {
		z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)) // no option that could be wrong
		err = errors.Join(fn(z), z.Close())
	}
	f, ended := w.end(path)
	return f, errors.Join(err, ended)
}

// check compares the file with what the manifest says of it.
func (f File) check(dir string) error {
	r, err := os.Open(filepath.Join(dir, f.Path))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoBackup, err)
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return err
	}
	if n != f.Bytes || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: %s is not the file that was written; take another copy of the backup", ErrNoBackup, filepath.Join(dir, f.Path))
	}
	return nil
}

// writeManifest is the last step.
func writeManifest(dir string, m Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	_, err = writeFile(dir, ManifestFile, false, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	return errors.Join(err, syncFolder(filepath.Join(dir, tablesFolder)), syncFolder(dir))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// emptyFolder makes the folder, for its owner alone, or takes an empty one.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("%s is not empty; name a folder that is not there yet", dir)
	}
	return errors.Join(os.Chmod(dir, 0o700), os.Mkdir(filepath.Join(dir, tablesFolder), 0o700))
}
