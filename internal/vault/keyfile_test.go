package vault

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestKeyFileIsMadeOnceAndReadAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "deep", "secret.key")
	first, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	sealed := first.Seal("p", []byte("kept"))
	for path, want := range map[string]fs.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v (%v), want %v", path, info.Mode().Perm(), err, want)
		}
	}
	if raw, err := os.ReadFile(file); err != nil || len(raw) != KeySize || bytes.Equal(raw, make([]byte, KeySize)) {
		t.Errorf("the file holds %d bytes (%v), want %d random ones", len(raw), err, KeySize)
	}
	again, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open("p", sealed); err != nil || string(got) != "kept" {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files are left beside the key (%v)", len(left)-1, err)
	}
}

// Processes that start together must end up with one key.
func TestKeyFileMadeByManyAtOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	vaults := make([]*Vault, 16)
	var all sync.WaitGroup
	for i := range vaults {
		all.Go(func() {
			v, err := Open(file)
			if err != nil {
				t.Error(err)
			}
			vaults[i] = v
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	sealed := vaults[0].Seal("p", []byte("x"))
	for i, v := range vaults {
		if _, err := v.Open("p", sealed); err != nil {
			t.Errorf("vault %d has another key", i)
		}
	}
}

func TestAppendedKeyRotates(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	before, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	old := before.Seal("p", []byte("old"))
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(newKey(t))
	f.Close()
	after, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Open("p", old); err != nil || string(got) != "old" || !after.Stale(old) {
		t.Errorf("the old value: %q, %v, stale %v", got, err, after.Stale(old))
	}
	if _, err := before.Open("p", after.Seal("p", nil)); err != ErrSealed {
		t.Errorf("the new key does not seal: %v", err)
	}
}

func TestFilesThatAreNoKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty": "", "short": "too short a secret", "newline": strings.Repeat("k", KeySize) + "\n",
		"too many": strings.Repeat("key0", maxKeyFile/4) + strings.Repeat("y", KeySize),
		"twice":    strings.Repeat("k", 2*KeySize),
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(file)
		if err == nil {
			t.Errorf("%s was taken for a key", name)
		} else if content != "" && strings.Contains(err.Error(), content[:10]) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
		if left, err := os.ReadFile(file); err != nil || string(left) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	for name, path := range map[string]string{"a folder": dir, "below a file": filepath.Join(dir, "short", "key")} {
		if _, err := Open(path); err == nil {
			t.Errorf("%s was taken for a key file", name)
		}
	}
}
