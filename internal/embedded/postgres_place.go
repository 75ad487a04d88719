package embedded

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// rootHomes is where root's clusters go when the server's user may not enter the chosen folder.
	rootHomes = "/var/lib/postern"
	// socketPathLimit is the longest socket path that every system takes: sun_path is 104 bytes
	// on macOS and 108 on Linux, with a final zero.
	socketPathLimit = 103
	socketName      = ".s.PGSQL.5432"
)

// locate finds where the data lies: in dir, or where an earlier start had to put it.
func (k *cluster) locate() error {
	text, err := os.ReadFile(k.locationFile())
	if err == nil {
		k.home = strings.TrimSpace(string(text))
		if _, err := os.Stat(k.home); err != nil {
			return fmt.Errorf("%w: %w", ErrDataGone, err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("find the data directory: %w", err)
	}
	k.data = filepath.Join(k.home, "data")
	k.runAs, err = serverAccount(k.data)
	return err
}

func (k *cluster) locationFile() string { return filepath.Join(k.dir, "location") }

// settle makes sure that the server's user can enter the cluster's folder. A new cluster moves
// elsewhere when it cannot; an existing one is never left behind.
func (k *cluster) settle(held *dirLock) error {
	if k.runAs != nil {
		err := k.command("postgres", "--version").Run()
		if errors.Is(err, os.ErrPermission) && k.home == k.dir && !k.exists() {
			err = k.moveHome()
		}
		if err != nil {
			return fmt.Errorf("user id %d must be able to enter %s and every folder above it: %w", k.runAs.uid, k.home, err)
		}
	}
	if k.home != k.dir {
		return held.add(k.home) // two folders may name one location, a copied one does
	}
	return nil
}

// moveHome gives the cluster a folder that the server's user can reach and notes it in dir.
func (k *cluster) moveHome() error {
	name := make([]byte, 8)
	if _, err := rand.Read(name); err != nil {
		return err
	}
	home := filepath.Join(rootHomes, hex.EncodeToString(name))
	if err := os.MkdirAll(home, 0o711); err != nil {
		return err
	}
	for _, dir := range []string{rootHomes, home} {
		if err := os.Chmod(dir, 0o711); err != nil {
			return err
		}
	}
	if err := writeWhole(k.locationFile(), []byte(home+"\n"), 0o600); err != nil {
		return err
	}
	k.log.Info("the database lies elsewhere, since its user may not enter the data folder", "dir", k.dir, "location", home)
	k.home, k.data = home, filepath.Join(home, "data")
	return k.command("postgres", "--version").Run()
}

func (k *cluster) exists() bool {
	_, err := os.Stat(filepath.Join(k.data, "PG_VERSION"))
	return err == nil
}

// chooseSocketDir picks a folder whose socket path is short enough; the same one for the same cluster.
func (k *cluster) chooseSocketDir() {
	k.socket = filepath.Join(k.home, "socket")
	if len(filepath.Join(k.socket, socketName)) > socketPathLimit {
		sum := sha256.Sum256([]byte(k.home))
		k.socket = filepath.Join(os.TempDir(), "postern-"+hex.EncodeToString(sum[:6]))
	}
}

// makeSocketDir makes the folder of the socket, for the server's user alone.
func (k *cluster) makeSocketDir() error {
	k.chooseSocketDir()
	if len(filepath.Join(k.socket, socketName)) > socketPathLimit {
		return fmt.Errorf("no folder is short enough for a socket: %s exceeds %d bytes", k.socket, socketPathLimit)
	}
	err := os.Mkdir(k.socket, 0o700)
	if err == nil {
		return k.own(k.socket)
	}
	if !errors.Is(err, os.ErrExist) {
		return err
	}
	return k.checkSocketDir()
}

// checkSocketDir refuses a folder that somebody else put there: the temporary folder is everyone's.
func (k *cluster) checkSocketDir() error {
	info, err := os.Lstat(k.socket)
	if err != nil {
		return err
	}
	want := uint32(os.Geteuid())
	if k.runAs != nil {
		want = k.runAs.uid
	}
	owner, _, err := ownerOf(k.socket)
	if err != nil {
		return err
	}
	if !info.IsDir() || owner.uid != want {
		return fmt.Errorf("%s is not a folder of user id %d: remove it", k.socket, want)
	}
	return os.Chmod(k.socket, 0o700)
}

// writeWhole replaces a file by a whole new one, durably, and follows no link that lies there.
func writeWhole(path string, text []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
