package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrRunning says that another process already runs the database of a folder.
var ErrRunning = errors.New("the database is already running")

// dirLock holds one or two lock files. The kernel frees them when the process dies.
type dirLock struct{ files []*os.File }

// lockDir takes the folder for this process; the lock file names the process for the next one.
func lockDir(dir string) (*dirLock, error) {
	l := &dirLock{}
	if err := l.add(dir); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *dirLock) add(dir string) error {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock: %w", err)
	}
	if err := flockPatiently(f); err != nil {
		f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", path, err)
		}
		pid, _ := os.ReadFile(path)
		return fmt.Errorf("%w: process %s holds %s; stop it first or choose another folder",
			ErrRunning, strings.TrimSpace(string(pid)), path)
	}
	l.files = append(l.files, f)
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return nil
}

// flockPatiently gives a process that was just killed the moment it needs to free its lock.
func flockPatiently(f *os.File) error {
	deadline := time.Now().Add(lockPatience)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (l *dirLock) release() {
	for _, f := range l.files {
		f.Close()
	}
}

const (
	lockPatience      = time.Second
	fastPatience      = 30 * time.Second // a fast shutdown writes a checkpoint
	immediatePatience = 5 * time.Second
)

// endPredecessor waits for a server whose launcher died: it may still be writing. The lock proves
// that no living launcher owns it, so it is told to stop where nothing else told it.
func (k *cluster) endPredecessor(ctx context.Context) error {
	pid, ok := k.serverPID()
	if !ok {
		return nil
	}
	if runsIn(pid, k.data) {
		k.log.InfoContext(ctx, "waiting for the database server of an ended process", "pid", pid)
		return endAll(ctx, func() []int {
			if runsIn(pid, k.data) {
				return []int{pid}
			}
			return nil
		})
	}
	// A killed server leaves its sessions behind; a busy one does not notice for a long time.
	if err := endAll(ctx, func() []int { return processesIn(k.data) }); err != nil {
		return err
	}
	return k.disownPID()
}

// endAll stops processes of a server: in an orderly way (SIGINT is "fast" to the server and
// "cancel" to a session), then at once.
func endAll(ctx context.Context, alive func() []int) error {
	steps := []struct {
		signal   syscall.Signal
		patience time.Duration
	}{{syscall.SIGINT, fastPatience}, {syscall.SIGQUIT, immediatePatience}}
	for _, step := range steps {
		for _, pid := range alive() {
			if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stop the database process %d of an ended process: %w", pid, err)
			}
		}
		for deadline := time.Now().Add(step.patience); time.Now().Before(deadline); {
			if len(alive()) == 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return fmt.Errorf("%w: the processes %v of its server do not stop", ErrRunning, alive())
}

// disownPID makes a postmaster.pid left by a crash name us. The server takes any living process of
// its user for a server, and in a container the numbers repeat; its parent it takes for none. The
// rest of the file stays: by it the server finds processes that still use the old shared memory.
func (k *cluster) disownPID() error {
	path := filepath.Join(k.data, "postmaster.pid")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	return k.give(path, strconv.Itoa(os.Getpid())+"\n"+rest)
}

// serverPID is the process that postmaster.pid names: its first line.
func (k *cluster) serverPID() (int, bool) {
	text, err := os.ReadFile(filepath.Join(k.data, "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	return pid, err == nil && pid > 1
}
