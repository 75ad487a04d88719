package testdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// urls is what the supervisor tells the test processes.
type urls struct {
	App, Owner, Super string
}

// cluster is this process's hold on the shared server.
type cluster struct {
	share     *os.File // locked; kept here, since a file that nobody refers to is closed
	urls      urls
	pool      *pgxpool.Pool // superuser on database postgres
	templates templates
}

// theCluster attaches this process once, for its whole life: the kernel lets go of its hold when
// it ends, even by SIGKILL.
var theCluster = func() func(context.Context) (*cluster, error) {
	var mu sync.Mutex
	var c *cluster
	return func(ctx context.Context) (*cluster, error) {
		mu.Lock()
		defer mu.Unlock()
		if c != nil {
			return c, nil
		}
		dir, err := sharedDir()
		if err != nil {
			return nil, err
		}
		c, err = attach(ctx, dir)
		return c, err
	}
}()

// attach takes a share of the server in dir and starts a supervisor when none is there.
//
// Two lock files: every user of the server holds a share of "users" from before it looks for the
// server until it ends; a supervisor that sees nobody left takes "users" for itself, so that a
// newcomer waits until the server is gone. "starting" lets one newcomer at a time start one.
func attach(ctx context.Context, dir string) (*cluster, error) {
	share, err := lock(filepath.Join(dir, "users"), syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	c := &cluster{share: share, templates: templates{ready: map[string]bool{}}}
	if err := c.join(ctx, dir); err != nil {
		share.Close()
		return nil, err
	}
	return c, nil
}

// join finds the server or starts it, and connects.
func (c *cluster) join(ctx context.Context, dir string) error {
	starting, err := lock(filepath.Join(dir, "starting"), syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer starting.Close()
	c.urls, err = readURLs(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && !supervised(dir) {
		c.urls, err = startSupervisor(ctx, dir)
	}
	if err != nil {
		return err
	}
	config, err := pgxpool.ParseConfig(c.urls.Super)
	if err != nil {
		return errors.New("the shared server's URL is malformed")
	}
	config.MaxConns = 4
	if c.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return err
	}
	return c.sweep(ctx)
}

// lock opens and locks a file until it is closed or the process ends.
func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// supervised tells whether a living supervisor holds its lock.
func supervised(dir string) bool {
	f, err := lock(filepath.Join(dir, "supervisor"), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return errors.Is(err, syscall.EWOULDBLOCK)
	}
	f.Close()
	return false
}

func readURLs(dir string) (urls, error) {
	var u urls
	text, err := os.ReadFile(filepath.Join(dir, "urls.json"))
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal(text, &u)
}

// startSupervisor runs this very program again as the supervisor and waits for its server.
func startSupervisor(ctx context.Context, dir string) (urls, error) {
	var none urls
	if err := os.Remove(filepath.Join(dir, "urls.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return none, err
	}
	program, err := os.Executable()
	if err != nil {
		return none, err
	}
	logPath := filepath.Join(dir, "supervisor.log")
	// Not our own output: go test waits until everyone has closed it.
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return none, err
	}
	defer out.Close()
	cmd := exec.Command(program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), superviseVariable+"="+dir)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C reaches the tests first
	if err := cmd.Start(); err != nil {
		return none, fmt.Errorf("start the supervisor: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for {
		u, err := readURLs(dir)
		if err == nil {
			return u, nil
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(logPath)
			return none, fmt.Errorf("the shared server did not start: %s", text)
		case <-ctx.Done():
			return none, fmt.Errorf("the shared server did not start in time, see %s: %w", logPath, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// roomNeeded is what a run of all tests may fill in memory, in bytes.
const roomNeeded = 4 << 30

// sharedDir is this user's folder for the shared server: in memory where there is room.
func sharedDir() (string, error) {
	var errs []error
	for _, parent := range []string{"/dev/shm", os.TempDir()} {
		if parent == "/dev/shm" && freeBytes(parent) < roomNeeded {
			continue
		}
		dir := filepath.Join(parent, "postern-test-"+strconv.Itoa(os.Geteuid()))
		err := ownDir(dir)
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

func freeBytes(dir string) uint64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0
	}
	return fs.Bavail * uint64(fs.Bsize)
}

// ownDir makes a folder or checks that it is ours: the parent is everyone's. It is passable,
// because a server started by root runs as another user.
func ownDir(dir string) error {
	if err := os.Mkdir(dir, 0o711); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || stat.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("%s is not a folder of this user: remove it", dir)
	}
	return os.Chmod(dir, 0o711)
}
