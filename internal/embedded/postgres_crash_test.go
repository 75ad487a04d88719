package embedded

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var holdPostgres = flag.String("hold-postgres", "", "run PostgreSQL in this folder until killed; only TestPostgresOfAChild")

// TestPostgresOfAChild is the body of the process that the tests below start and kill.
func TestPostgresOfAChild(t *testing.T) {
	if *holdPostgres == "" {
		return
	}
	p, err := StartPostgres(context.Background(), PostgresConfig{Dir: *holdPostgres, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(p.OwnerURL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	stopPostgres(t, p)
}

// startChild runs a process that runs PostgreSQL in dir, and returns the owner's URL.
func startChild(t testing.TB, dir string) (*exec.Cmd, string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run", "^TestPostgresOfAChild$", "-hold-postgres", dir)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = child.Wait()
	})
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "postgres://") {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the child says %q: %v", line+string(rest), err)
	}
	return child, strings.TrimSpace(line)
}

func kill9(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func serverPIDOf(t testing.TB, dir string) int {
	t.Helper()
	k := &cluster{data: filepath.Join(dir, "data")}
	pid, ok := k.serverPID()
	if !ok {
		t.Fatalf("no server runs in %s", dir)
	}
	return pid
}

// goneWithin is several times what an orderly stop takes (0.1 to 0.4 s): its checkpoint waits for
// a disk that other tests use.
const goneWithin = 10 * time.Second

// Tried: SIGKILL of the process that started the server.
func TestPostgresDiesWithItsProcess(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	child, url := startChild(t, dir)
	if err := do(t, url, `create table emails (n int); insert into emails values (7)`); err != nil {
		t.Fatal(err)
	}
	pid := serverPIDOf(t, dir)
	kill9(t, child.Process.Pid)
	began := time.Now()
	for runsIn(pid, filepath.Join(dir, "data")) { // which a process that only waits to be reaped does not
		if time.Since(began) > goneWithin {
			t.Fatalf("the server %d runs %v after its process was killed", pid, goneWithin)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("gone after %v", time.Since(began))
	p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	if got := ask(t, p.OwnerURL, `select n::text from emails`); got != "7" {
		t.Errorf("after the crash the table holds %s", got)
	}
}

// Tried: starts right after SIGKILL, while the old server is still on its way out.
func TestPostgresStartsRightAfterAKill(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	for i := range 3 {
		child, url := startChild(t, dir)
		if err := do(t, url, `create table emails_`+strconv.Itoa(i)+` ()`); err != nil {
			t.Fatal(err)
		}
		kill9(t, child.Process.Pid)
	}
	p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	if got := ask(t, p.OwnerURL, `select count(*)::text from pg_tables where tablename like 'emails%'`); got != "3" {
		t.Errorf("%s of 3 tables are left", got)
	}
}

// Tried: SIGKILL of the server process itself with a client that keeps a backend busy.
func TestPostgresStartsAfterItsServerWasKilled(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	for range 3 {
		p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
		busy := make(chan error, 1)
		go func() { busy <- do(t, p.OwnerURL, `select sum(n) from generate_series(1, 100000000) n`) }()
		time.Sleep(100 * time.Millisecond)
		kill9(t, serverPIDOf(t, dir))
		<-p.Done()
		again := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
		stopPostgres(t, again)
		if err := <-busy; err == nil {
			t.Error("the backend was not busy: the test proves nothing")
		}
	}
}

// Tried: a server whose launcher is gone and which nothing told to stop, as on systems without a
// parent-death signal.
func TestPostgresTakesOverAnOrphan(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	p := startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	if err := do(t, p.OwnerURL, `create table emails ()`); err != nil {
		t.Fatal(err)
	}
	stopPostgres(t, p)
	k := &cluster{home: dir, data: filepath.Join(dir, "data"), log: slog.New(slog.DiscardHandler)}
	var err error
	if k.runAs, err = serverAccount(k.data); err != nil {
		t.Fatal(err)
	}
	if err := k.chooseBinaries(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if err := k.makeSocketDir(); err != nil {
		t.Fatal(err)
	}
	orphan := k.command("postgres", "-D", k.data)
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- orphan.Wait() }()
	for deadline := time.Now().Add(goneWithin); ; time.Sleep(10 * time.Millisecond) {
		if _, running := k.serverPID(); running {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the orphan did not start")
		}
	}
	startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	select {
	case err := <-gone:
		if err != nil {
			t.Errorf("the orphan was not stopped in an orderly way: %v", err)
		}
	default:
		t.Error("two servers run on one data directory")
	}
}

// Tried: a postmaster.pid left by a crash that names a living process of the server's user.
func TestPostgresIgnoresAReusedPID(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	stopPostgres(t, startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true}))
	k := &cluster{home: dir, data: filepath.Join(dir, "data"), bin: "/bin"}
	var err error
	if k.runAs, err = serverAccount(k.data); err != nil {
		t.Fatal(err)
	}
	bystander := k.command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bystander.Process.Kill(); _ = bystander.Wait() })
	left := fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n\n  1234567  7654321\nready   \n", bystander.Process.Pid, k.data, dir)
	if err := k.give(filepath.Join(k.data, "postmaster.pid"), left); err != nil {
		t.Fatal(err)
	}
	startPostgresIn(t, PostgresConfig{Dir: dir, Fast: true})
	if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the bystander was ended: %v", err)
	}
}

// Tried: a second start from this process, and one while another process runs the folder.
func TestPostgresRefusesASecondStart(t *testing.T) {
	t.Parallel()
	dir := postgresDir(t)
	child, _ := startChild(t, dir)
	want := "process " + strconv.Itoa(child.Process.Pid)
	for range 2 {
		_, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, Fast: true})
		if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
	own := postgresDir(t)
	startPostgresIn(t, PostgresConfig{Dir: own, Fast: true})
	_, err := StartPostgres(t.Context(), PostgresConfig{Dir: own})
	if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("in one process: %v", err)
	}
}
