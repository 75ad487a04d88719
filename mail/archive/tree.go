// Package archive reads emails from files: single ones, mbox files and Maildirs, as a stream.
package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Email is one email of an archive.
type Email struct {
	Key  int64     // names it within its archive, above 0; the same in every reading
	Date time.Time // when the archive got it; zero where it does not say
}

// Kind is what a file is.
type Kind int

// The kinds of files.
const (
	Single Kind = iota // one email
	Many               // an mbox
	Other              // no emails: it is to be passed over
)

// File is one file of an archive.
type File struct {
	Email // of a Single one
	Path  string
	Kind  Kind
	Size  int64
	Err   error // why it, or a folder of this path, cannot be read
}

// Walk visits the files of a path in the order of their names: the file itself, or those of a folder and the
// folders in it. In a Maildir these are the emails of cur and new, with all subfolders; elsewhere files whose
// name ends in .eml, mbox files, and numbered ones that begin with a header, as MH keeps them. Links within a
// folder are not followed. A file that is named itself is taken for an email where it is no mbox. The keys of
// the emails are hashes of their names below the path, and stay when a Maildir's flags change.
func Walk(path string, visit func(File) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return (&walk{root: path, visit: visit}).folder(path)
	}
	f := File{Path: path, Size: info.Size(), Email: Email{Key: keyOf(filepath.Base(path), info.Size()), Date: info.ModTime()}}
	if !info.Mode().IsRegular() {
		return errors.New(path + " is neither a file nor a folder")
	}
	head, err := beginning(path)
	if f.Err = err; bytes.HasPrefix(head, fromPrefix) && !isEML(path) {
		f.Kind = Many
	}
	return visit(f)
}

type walk struct {
	root  string
	visit func(File) error
}

func (w *walk) folder(dir string) error {
	names, err := sorted(dir)
	if err != nil {
		return w.visit(File{Path: dir, Kind: Other, Err: err})
	}
	maildir := slices.Contains(names, "cur") && slices.Contains(names, "new")
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, os.ErrNotExist): // it was moved meanwhile
			err = nil
		case err != nil:
			err = w.visit(File{Path: path, Kind: Other, Err: err})
		case maildir && info.IsDir() && (name == "cur" || name == "new"):
			err = w.maildir(dir, path)
		case maildir && (name == "tmp" || !info.IsDir()): // being delivered, and the server's own files
		case info.IsDir():
			err = w.folder(path)
		case info.Mode().IsRegular():
			err = w.visit(w.file(path, info))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// maildir visits the emails of cur or new. What counts of a name is what stays when the email is moved from one
// to the other or gets flags.
func (w *walk) maildir(box, dir string) error {
	names, err := sorted(dir)
	if err != nil {
		return w.visit(File{Path: dir, Kind: Other, Err: err})
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(name, ".") {
			continue
		}
		unique := name
		if end := strings.LastIndexAny(name, ":;!"); end > 0 && strings.HasPrefix(name[end+1:], "2,") {
			unique = name[:end]
		}
		f := File{Path: path, Size: info.Size(), Email: Email{Key: keyOf(filepath.Join(w.below(box), unique), 0), Date: delivered(name, info)}}
		if err := w.visit(f); err != nil {
			return err
		}
	}
	return nil
}

// delivered is the time that a Maildir's name begins with, else that of the file.
func delivered(name string, info os.FileInfo) time.Time {
	seconds, _, _ := strings.Cut(name, ".")
	if n, err := strconv.ParseInt(seconds, 10, 64); err == nil && n > 0 && n < math.MaxUint32 {
		return time.Unix(n, 0).UTC()
	}
	return info.ModTime()
}

func (w *walk) file(path string, info os.FileInfo) File {
	f := File{Path: path, Size: info.Size(), Email: Email{Key: keyOf(w.below(path), info.Size()), Date: info.ModTime()}}
	if isEML(path) {
		return f
	}
	head, err := beginning(path)
	_, notNumber := strconv.ParseUint(filepath.Base(path), 10, 64)
	switch {
	case err != nil:
		f.Kind, f.Err = Other, err
	case bytes.HasPrefix(head, fromPrefix):
		f.Kind = Many
	case notNumber != nil || !isField(head):
		f.Kind = Other
	}
	return f
}

func (w *walk) below(path string) string {
	rel, err := filepath.Rel(w.root, path)
	if err != nil {
		return path
	}
	return filepath.ToSlash(rel)
}

func isEML(path string) bool { return strings.EqualFold(filepath.Ext(path), ".eml") }

// keyOf is 63 bits of a hash: among ten million names two are the same once in 200,000 archives.
func keyOf(name string, size int64) int64 {
	sum := sha256.Sum256(append([]byte(name+"\x00"), strconv.FormatInt(size, 10)...))
	return int64(max(1, binary.BigEndian.Uint64(sum[:])>>1))
}

func sorted(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// beginning is enough of a file to tell what it is.
func beginning(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, longestFromLine)
	n, err := io.ReadFull(f, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], err
}
