package testimap

import (
	"bufio"
	"context"
	"errors"
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

	"github.com/emersion/go-imap/v2/imapclient"
)

var hold = flag.String("hold", "", "run a server in this folder, say its address and wait to be killed")

func TestMain(m *testing.M) {
	flag.Parse()
	if *hold != "" {
		s, err := Run(context.Background(), *hold)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.Addr())
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it or kills us
	}
	os.Exit(m.Run())
}

// Tried: SIGKILL of the process that runs the server; the port must be free within 2 seconds.
func TestServerDiesWithItsProcess(t *testing.T) {
	t.Parallel()
	dir := passableDir(t)
	child := exec.Command(os.Args[0], "-hold", dir)
	stdin, err := child.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr := strings.TrimSpace(line)
	if err != nil || refused(addr) {
		t.Fatalf("the child's server does not answer at %q: %v", addr, err)
	}
	must(t, child.Process.Signal(syscall.SIGKILL))
	_ = child.Wait()
	began := time.Now()
	if !waitUntil(2*time.Second, func() bool { return refused(addr) }) {
		t.Errorf("dovecot still answers 2 seconds after its process was killed")
	}
	t.Logf("gone after %v", time.Since(began))
}

// Tried, where the tests run as root: the main test again as the user nobody. Where they do not,
// every test of this package is already one of an ordinary user.
func TestWorksAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if s := Start(t); s.runAs != nil {
			t.Error("an ordinary user's server runs as another user")
		}
		return
	}
	nobody, err := serverAccount()
	must(t, err)
	dir := passableDir(t)
	must(t, os.Chown(dir, int(nobody.uid), int(nobody.gid)))
	program := filepath.Join(dir, "test")
	must(t, exec.Command("cp", os.Args[0], program).Run()) // not by our hand: a fork of another test would hold it open
	child := exec.Command(program, "-test.v", "-test.run", "^(TestServesOverPlainStartTLSAndTLS|TestFaultsOfAFolder|TestStopKillAndRestart)$")
	child.Dir = dir
	child.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + dir} // without /usr/sbin, as Debian gives it
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody.uid, Gid: nobody.gid}}
	out, err := child.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") != 3 {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// Tried: root's server in a folder that its user cannot enter.
func TestSaysThatAFolderCannotBeEntered(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // an ordinary user's server is the same user
	}
	_, err := Run(context.Background(), filepath.Join(t.TempDir(), "imap")) // t.TempDir is root's alone
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("got %v, want a refusal", err)
	}
}

// Tried: the port that the server chose is taken when it starts.
func TestTakenPortIsRecognised(t *testing.T) {
	t.Parallel()
	one, two := Start(t), Start(t)
	must(t, two.Kill())
	two.plain, two.tls = one.plain, one.tls
	_, plainPort, _ := strings.Cut(one.plain, ":")
	_, tlsPort, _ := strings.Cut(one.tls, ":")
	must(t, two.writeConfig([2]string{plainPort, tlsPort}))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := two.launch(ctx); !errors.Is(err, errPortTaken) {
		t.Errorf("a start on another server's port: %v, want %v", err, errPortTaken)
	}
}

func TestSessionsEndWithAnOrderlyStop(t *testing.T) {
	t.Parallel()
	s := Start(t)
	user, password := s.NewUser("anna")
	c, err := login(t, imapclient.DialInsecure, s.Addr(), user, password, s)
	must(t, err)
	must(t, s.Stop())
	select {
	case <-c.Closed():
	case <-time.After(patience):
		t.Error("a session outlived the server")
	}
}

// passableDir is a short folder that other users may enter.
func passableDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "imap-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}
