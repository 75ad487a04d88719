package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// visited lists what Walk visits below root: path, kind and year.
func visited(t *testing.T, root string) (lines []string, keys map[string]int64) {
	t.Helper()
	keys = map[string]int64{}
	err := Walk(root, func(f File) error {
		rel, _ := filepath.Rel(root, f.Path)
		line := fmt.Sprintf("%s %d", rel, f.Kind)
		if f.Err != nil {
			line += " error"
		}
		lines = append(lines, line)
		keys[rel] = f.Key
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, keys
}

func TestFoldersAreWalked(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for path, text := range map[string]string{
		"a.eml": "A: 1\n", "B.EML": "", "c.eml": "From - Mon Mar  4 10:00:00 2019\nA: 1\n", "notes.txt": "Note: this is no email\n", ".hidden": "x",
		"sub/Inbox": from + "A: 1\n", "sub/Inbox.msf": "x: 1", "mh/1": "A: 1\n\n", "mh/2": "no header", "mh/.mh_sequences": "cur: 1",
	} {
		write(t, filepath.Join(root, path), text)
	}
	if err := os.Symlink(root, filepath.Join(root, "loop")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, keys := visited(t, root)
	if got, want := strings.Join(lines, ", "), ".hidden 2, B.EML 0, a.eml 0, c.eml 0, mh/.mh_sequences 2, mh/1 0, mh/2 2, notes.txt 2, sub/Inbox 1, sub/Inbox.msf 2"; got != want {
		t.Errorf("visited %s\n   want %s", got, want)
	}
	write(t, filepath.Join(root, "a.eml"), "A: another email\n")
	if _, again := visited(t, root); again["a.eml"] == keys["a.eml"] || again["B.EML"] != keys["B.EML"] || keys["a.eml"] <= 0 {
		t.Errorf("keys were %v, are %v", keys, again)
	}
}

// Tried: a Maildir with subfolders, flags, a delivery going on and the server's own files; then an email is read.
func TestMaildirIsWalked(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, path := range []string{"cur/1551693600.M1P1.host:2,S", "new/1551693601.M2P2.host", "tmp/1551693602.M3P3.host", "dovecot-uidlist", "cur/.nfs1",
		".Sent/cur/1551693603.M4P4.host:2,", ".Sent/new/x", ".Sent/maildirfolder", ".Sent/tmp/y", "box/cur/z!2,S", "box/new/w;2,FS"} {
		write(t, filepath.Join(root, path), "A: 1\n")
	}
	if err := os.Mkdir(filepath.Join(root, "cur", "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	lines, keys := visited(t, root)
	want := ".Sent/cur/1551693603.M4P4.host:2, 0|.Sent/new/x 0|box/cur/z!2,S 0|box/new/w;2,FS 0|cur/1551693600.M1P1.host:2,S 0|new/1551693601.M2P2.host 0"
	if got := strings.Join(lines, "|"); got != want {
		t.Errorf("visited %s\n   want %s", got, want)
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Rename(filepath.Join(root, "new/1551693601.M2P2.host"), filepath.Join(root, "cur/1551693601.M2P2.host:2,RS")))
	_, again := visited(t, root)
	if before, after := keys["new/1551693601.M2P2.host"], again["cur/1551693601.M2P2.host:2,RS"]; before != after || before <= 0 {
		t.Errorf("its key went from %d to %d", before, after)
	}
	seen := map[int64]bool{}
	for path, key := range keys {
		if seen[key] {
			t.Errorf("%s has the key of another", path)
		}
		seen[key] = true
	}
	must(Walk(root, func(f File) error {
		if name := filepath.Base(f.Path); strings.HasPrefix(name, "15516936") && f.Date.Year() != 2019 {
			t.Errorf("%s is of %s", name, f.Date)
		} else if name == "x" && time.Since(f.Date) > time.Hour {
			t.Errorf("a name without a time is of %s, not of the file's", f.Date)
		}
		return nil
	}))
}

func TestNamedFilesAndErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, want := range map[string]Kind{"mail": Many, "odd.txt": Single, "a.eml": Single} {
		text := "A: 1\n"
		if want == Many {
			text = from + text
		}
		path := write(t, filepath.Join(dir, name), text)
		if err := Walk(path, func(f File) error {
			if f.Kind != want || f.Err != nil || f.Size != int64(len(text)) {
				t.Errorf("%s: %+v", name, f)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	if err := Walk(filepath.Join(dir, "absent"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if err := Walk("/dev/null", nil); err == nil {
		t.Error("a device was taken")
	}
	stop := errors.New("stop")
	n := 0
	if err := Walk(dir, func(File) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("after %d files: %v", n, err)
	}
	if _, err := OpenMbox(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}
