package testimap

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

var errPortTaken = errors.New("another program took the port")

// process is a running Dovecot: the master, which leads the process group of its children.
type process struct {
	master *os.Process
	plain  string
	done   chan struct{}
}

// way is how a server ends.
type way int

const (
	orderly way = iota
	atOnce
)

// launch starts Dovecot and returns once it greets.
func (s *Server) launch(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Truncate(s.logPath(), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	cmd := s.command(s.programs.dovecot, "-F", "-c", s.configPath())
	dieWithParent(cmd.SysProcAttr, syscall.SIGTERM)
	p := &process{plain: s.plain, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal belongs to the thread that forked: it must outlive the server.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start dovecot as its user in %s: %w", s.dir, err)
	}
	p.master = cmd.Process
	if err := s.awaitGreeting(ctx, p); err != nil {
		return errors.Join(err, p.kill())
	}
	s.proc = p
	return nil
}

// awaitGreeting waits until our server greets; it listens on both ports by then. Whoever else
// may have taken the port greets in other words.
func (s *Server) awaitGreeting(ctx context.Context, p *process) error {
	for {
		if s.greets() {
			return nil
		}
		select {
		case <-p.done:
			return s.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for dovecot: %w: %w", ctx.Err(), s.failure())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *Server) greets() bool {
	conn, err := net.DialTimeout("tcp", s.plain, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasSuffix(strings.TrimSpace(line), s.greeting())
}

// greeting tells our server from any other.
func (s *Server) greeting() string { return "Test server in " + s.dir }

// failure says why Dovecot does not run, in the words of its log.
func (s *Server) failure() error {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return fmt.Errorf("dovecot ended without a log: %w", err)
	}
	if strings.Contains(string(text), "Address already in use") {
		return errPortTaken
	}
	const limit = 2000
	return fmt.Errorf("dovecot does not run: %s", text[max(0, len(text)-limit):])
}

// end stops the server and waits until nothing of it runs or listens.
func (p *process) end(how way) error {
	if how == orderly {
		if err := p.master.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop dovecot: %w", err)
		}
		waitUntil(patience/2, p.ended) // a second: the master tells its children first
	}
	if err := p.kill(); err != nil {
		return err
	}
	if !waitUntil(patience/2, func() bool { return refused(p.plain) }) {
		return fmt.Errorf("dovecot %d is gone but its port answers", p.master.Pid)
	}
	return nil
}

// kill ends the whole process group and waits for the master.
func (p *process) kill() error {
	if err := syscall.Kill(-p.master.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill dovecot: %w", err)
	}
	if !waitUntil(patience/2, p.ended) {
		return fmt.Errorf("dovecot %d does not end", p.master.Pid)
	}
	return nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func refused(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		conn.Close()
	}
	return err != nil
}

func waitUntil(patience time.Duration, ok func() bool) bool {
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return true
}

// command prepares a program to run as the server's user, without our environment.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC", "HOME=" + s.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if s.runAs != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.runAs.uid, Gid: s.runAs.gid}
	}
	return cmd
}

// run runs a program to its end.
func (s *Server) run(program string, args ...string) error {
	out, err := s.command(program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), args[0], err, out)
	}
	return nil
}

func (s *Server) logPath() string    { return filepath.Join(s.dir, "dovecot.log") }
func (s *Server) configPath() string { return filepath.Join(s.dir, "dovecot.conf") }
