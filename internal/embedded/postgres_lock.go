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
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
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

func (l *dirLock) release() {
	for _, f := range l.files {
		f.Close()
	}
}

const (
	fastPatience      = 30 * time.Second // a fast shutdown writes a checkpoint
	immediatePatience = 5 * time.Second
)

// endPredecessor waits for a server whose launcher died: it may still be writing. The lock proves
// that no living launcher owns it, so it is told to stop where nothing else told it.
func (k *cluster) endPredecessor(ctx context.Context) error {
	pid, ok := k.serverPID()
	if !ok || !runsIn(pid, k.data) {
		return nil // a file left by a crash; the server itself removes it
	}
	k.log.InfoContext(ctx, "waiting for the database server of an ended process", "pid", pid)
	steps := []struct {
		signal   syscall.Signal
		patience time.Duration
	}{{syscall.SIGINT, fastPatience}, {syscall.SIGQUIT, immediatePatience}}
	for _, step := range steps {
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the database server %d of an ended process: %w", pid, err)
		}
		gone, err := k.waitGone(ctx, pid, step.patience)
		if gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: its server, process %d, does not stop", ErrRunning, pid)
}

func (k *cluster) waitGone(ctx context.Context, pid int, patience time.Duration) (bool, error) {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if !runsIn(pid, k.data) {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false, nil
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
