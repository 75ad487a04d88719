package testdb

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var hold = flag.String("hold", "", "use the server of this folder until killed; only TestChild")

// TestChild is the body of the test processes that the tests below start and kill.
func TestChild(t *testing.T) {
	if *hold == "" {
		return
	}
	c, err := attach(context.Background(), *hold)
	must(t, err)
	fmt.Println(c.urls.Super)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// user is a test process in a test.
type user struct {
	cmd   *exec.Cmd
	url   string
	leave func() // ends it in an orderly way
}

func startUser(t testing.TB, dir string) user {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestChild$", "-hold", dir)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	u := user{cmd: cmd, leave: func() { stdin.Close(); _ = cmd.Wait() }}
	t.Cleanup(u.leave)
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "postgres://") {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the test process says %q: %v", line+string(rest), err)
	}
	u.url = strings.TrimSpace(line)
	return u
}

// serverDir is a folder for a shared server of a test's own.
func serverDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "testdb-")
	must(t, err)
	must(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func eventually(t testing.TB, what string, patience time.Duration, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func nothingLeft(dir string) bool {
	clusters, err := filepath.Glob(filepath.Join(dir, "cluster-*"))
	return err == nil && len(clusters) == 0 && !supervised(dir)
}

// Tried: two test processes at once, one of them killed, a third within the grace time, then none.
func TestServerIsSharedAndGoesWithItsLastUser(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	first := make(chan user, 1)
	go func() { first <- startUser(t, dir) }()
	two := startUser(t, dir)
	one := <-first
	if one.url != two.url {
		t.Error("two processes run two servers")
	}
	must(t, one.cmd.Process.Kill())
	two.leave()
	three := startUser(t, dir)
	if three.url != two.url {
		t.Error("the server did not outlive a pause between two processes")
	}
	time.Sleep(grace + 2*look) // it must not end while somebody uses it
	if got := ask(t, three.url, `select 'here'`); got != "here" {
		t.Errorf("got %q", got)
	}
	must(t, three.cmd.Process.Kill())
	eventually(t, "the server is gone", grace+10*time.Second, func() bool { return nothingLeft(dir) })
	startUser(t, dir) // and comes back
}

// Tried: SIGKILL of the supervisor; the next process must start a new server.
func TestServerAfterItsSupervisorWasKilled(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	one := startUser(t, dir)
	pid := supervisorPID(t, dir)
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	eventually(t, "the lock is free", 5*time.Second, func() bool { return !supervised(dir) })
	two := startUser(t, dir)
	if one.url == two.url {
		t.Error("the dead server's URL was handed out")
	}
	if got := ask(t, two.url, `select 'here'`); got != "here" {
		t.Errorf("got %q", got)
	}
}

func supervisorPID(t testing.TB, dir string) int {
	t.Helper()
	clusters, err := filepath.Glob(filepath.Join(dir, "cluster-*"))
	must(t, err)
	var pid int
	if len(clusters) != 1 {
		t.Fatalf("clusters: %v", clusters)
	}
	_, err = fmt.Sscanf(filepath.Base(clusters[0]), "cluster-%d", &pid)
	must(t, err)
	return pid
}

// Tried: the database of a test process that was killed, and one of a living process.
func TestSweepDropsWhatKilledTestsLeft(t *testing.T) {
	t.Parallel()
	dead := exec.Command("true")
	must(t, dead.Run())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := theCluster(ctx)
	must(t, err)
	left := fmt.Sprintf("test_%d_1", dead.Process.Pid)
	_, err = c.pool.Exec(ctx, `create database `+left)
	must(t, err)
	db := New(t)
	must(t, c.sweep(ctx))
	if got := ask(t, db.SuperURL, `select count(*)::text from pg_database where datname = '`+left+`'`); got != "0" {
		t.Error("the killed test's database is still there")
	}
}

func TestServerThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	dir := serverDir(t)
	must(t, os.WriteFile(filepath.Join(dir, "supervisor"), nil, 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "urls.new"), 0o700)) // what the supervisor wants to write
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := attach(ctx, dir)
	if err == nil || !strings.Contains(err.Error(), "urls.new") {
		t.Errorf("got %v, want the supervisor's own words", err)
	}
	eventually(t, "no server is left", 10*time.Second, func() bool { return !supervised(dir) })
}

func TestSharedFolderMustBeOurs(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	link := filepath.Join(parent, "link")
	must(t, os.Symlink(t.TempDir(), link))
	if err := ownDir(link); err == nil {
		t.Error("a link was taken")
	}
	dir := filepath.Join(parent, "dir")
	for range 2 {
		must(t, ownDir(dir))
	}
	if os.Geteuid() == 0 {
		must(t, os.Chown(dir, 12345, 12345))
		if err := ownDir(dir); err == nil {
			t.Error("another user's folder was taken")
		}
	}
	if freeBytes(parent) == 0 || freeBytes("/nonexistent") != 0 {
		t.Error("free room is not measured")
	}
}

// Tried, where the tests run as root: a clone as the user nobody, whose server is another one.
func TestWorksForAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // every test of this package is one of an ordinary user
	}
	dir := serverDir(t)
	must(t, os.Chown(dir, 65534, 65534))
	program := filepath.Join(dir, "test")
	// cp and not us: a program that is open for writing in a fork of another test cannot run.
	must(t, exec.Command("cp", os.Args[0], program).Run())
	child := exec.Command(program, "-test.v", "-test.run", "^(TestNewIsMigratedAndHasTheRoles|TestDatabasesAreApart)$")
	child.Dir = dir
	child.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + dir}
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := child.CombinedOutput()
	if err != nil || strings.Count(string(out), "\n--- PASS") != 2 {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}
