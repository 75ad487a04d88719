package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// demoLockPatience gives a demo that was just killed the moment it needs to free its lock.
const demoLockPatience = time.Second

// lockDemo takes the folder for this process; the kernel frees it when the process dies. The lock file
// names the process, for whoever comes second.
func lockDemo(dir string) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "demo.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	for deadline := time.Now().Add(demoLockPatience); ; time.Sleep(10 * time.Millisecond) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = alreadyRunning(dir, f.Name())
	} else if err == nil {
		err = errors.Join(f.Truncate(0), writeAtStart(f, strconv.Itoa(os.Getpid())+"\n"))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// A process that is being forked at this moment has the file too, until it execs: closing alone would
	// leave it the lock.
	return func() error { return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close()) }, nil
}

func writeAtStart(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// alreadyRunning says where the demo is that holds the folder, as far as it has told.
func alreadyRunning(dir, lock string) error {
	where, stop := "still starting", "Ctrl-C"
	var f demoFile
	if text, err := os.ReadFile(filepath.Join(dir, "demo.json")); err == nil && json.Unmarshal(text, &f) == nil && f.API != "" {
		where = f.API
	}
	text, _ := os.ReadFile(lock)
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		where += fmt.Sprintf(", process %d", pid)
		stop += fmt.Sprintf(" or kill %d", pid)
	}
	return fmt.Errorf("a demo is already running in %s (%s); use it, stop it with %s, or give this one another folder with --data", dir, where, stop)
}
