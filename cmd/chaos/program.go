package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// program is the desk under trial: the built binary, running `postern demo --empty` in a folder of its own.
type program struct {
	binary string
	dir    string
	env    []string // added to this process's own

	now atomic.Pointer[running] // nil while it is down
}

// running is one life of it.
type running struct {
	process *os.Process
	ended   chan struct{}
	demo    demo
}

// demo is what demo.json tells.
type demo struct {
	API          string `json:"api"`
	APIKey       string `json:"api_key"`
	SMTP         string `json:"smtp"`
	IMAP         string `json:"imap"`
	IMAPPassword string `json:"imap_password"`
	DatabaseURL  string `json:"database_url"`
}

// build makes the binary.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "postern")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "github.com/postern-desk/postern/cmd/postern")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build postern: %w: %s", err, out)
	}
	return binary, nil
}

// startWithin covers the recovery of a database that was killed on a busy machine.
const startWithin = 2 * time.Minute

// start begins a life and returns once everything answers.
func (p *program) start(ctx context.Context) error {
	file := filepath.Join(p.dir, "data", "demo.json")
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r, err := p.spawn(p.env, "demo", "--empty", "--data", filepath.Join(p.dir, "data"),
		"--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--imap", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := r.await(ctx, file); err != nil {
		return errors.Join(err, r.kill())
	}
	p.now.Store(r)
	return nil
}

// spawn starts the binary; what it logs goes to postern.log.
func (p *program) spawn(env []string, args ...string) (*running, error) {
	log, err := os.OpenFile(filepath.Join(p.dir, "postern.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(p.binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = p.dir, nil, log, append(cmd.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	dieWithParent(cmd.SysProcAttr)
	r := &running{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal belongs to the thread that forked (prctl(2)).
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // killed as a rule
			close(r.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postern: %w", err)
	}
	r.process = cmd.Process
	return r, nil
}

// await waits for demo.json, which is written when everything answers.
func (r *running) await(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		text, err := os.ReadFile(file)
		if err == nil {
			return json.Unmarshal(text, &r.demo)
		}
		select {
		case <-r.ended:
			return errors.New("postern ended while it started; its log says why")
		case <-ctx.Done():
			return fmt.Errorf("postern did not become ready: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// kill ends the life with SIGKILL; the desk's own PostgreSQL loses its parent with it.
func (p *program) kill() error {
	r := p.now.Swap(nil)
	if r == nil {
		return nil
	}
	return r.kill()
}

func (r *running) kill() error {
	if err := r.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-r.ended:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("process %d does not end", r.process.Pid)
	}
}

// stop asks it to end in an orderly way, and then does not ask.
func (p *program) stop() error {
	r := p.now.Swap(nil)
	if r == nil || r.process == nil { // down, or several processes that are the disturber's
		return nil
	}
	return r.stop()
}

func (r *running) stop() error {
	if err := r.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-r.ended:
		return nil
	case <-time.After(40 * time.Second):
		return errors.Join(errors.New("postern did not stop within 40 seconds of SIGTERM"), r.kill())
	}
}

var errDown = errors.New("postern is down")

// life is the present life's addresses, or errDown.
func (p *program) life() (demo, error) {
	r := p.now.Load()
	if r == nil {
		return demo{}, errDown
	}
	return r.demo, nil
}
