package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is the running process. It holds the folder's lock until it has ended.
type server struct {
	process  *os.Process
	startLog string
	socket   string
	done     chan struct{}

	mu       sync.Mutex
	stopping bool
	ended    error
}

// launch starts the server on a thread that lives as long as it does: the kernel sends the
// parent-death signal when the thread that forked ends, not when the process does (prctl(2)).
func (k *cluster) launch(held *dirLock) (*server, error) {
	startLog := filepath.Join(k.dir, "postgres-start.log")
	out, err := os.OpenFile(startLog, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := k.command("postgres", "-D", k.data)
	cmd.Stdout, cmd.Stderr = out, out
	dieWithParent(cmd.SysProcAttr, syscall.SIGINT)
	s := &server{startLog: startLog, socket: k.socket, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			s.watch(cmd, held)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s.process = cmd.Process
	return s, nil
}

func (s *server) watch(cmd *exec.Cmd, held *dirLock) {
	err := cmd.Wait()
	s.mu.Lock()
	if !s.stopping {
		s.ended = errors.New("the database server ended by itself, status 0")
		if err != nil {
			s.ended = fmt.Errorf("the database server ended: %w", err)
		}
	}
	s.mu.Unlock()
	_ = os.Remove(s.socket) // may lie in the temporary folder; not empty after a crash, then it stays
	held.release()
	close(s.done)
}

func (s *server) stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	if err := s.signal(syscall.SIGINT); err != nil { // "fast" in pg_ctl's words
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	if err := s.signal(syscall.SIGQUIT); err != nil { // "immediate"
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(immediatePatience):
		return fmt.Errorf("the database server %d does not stop: %w", s.process.Pid, ctx.Err())
	}
}

func (s *server) signal(sig os.Signal) error {
	err := s.process.Signal(sig)
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return fmt.Errorf("stop the database server: %w", err)
}

func (s *server) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// failure says why a server that just started has ended.
func (s *server) failure(data string) error {
	text, _ := os.ReadFile(s.startLog)
	return fmt.Errorf("%w: %s (more in %s)", s.err(), lastLines(text), filepath.Join(data, "log"))
}

// lastLines is the end of a program's output, at most 1,000 bytes, on one line.
func lastLines(out []byte) string {
	const limit = 1000
	r := bytes.NewReader(out)
	if len(out) > limit {
		_, _ = r.Seek(-limit, io.SeekEnd)
	}
	tail, _ := io.ReadAll(r)
	return strings.Join(strings.Fields(string(tail)), " ")
}
