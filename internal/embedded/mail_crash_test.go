package embedded

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	gosmtp "github.com/emersion/go-smtp"
)

// mailChildArg makes the test binary a mail server on the directory that
// follows, so that a test can kill it.
const mailChildArg = "postern-test-mail-server"

func init() {
	if len(os.Args) == 3 && os.Args[1] == mailChildArg {
		m, err := StartMail(context.Background(), mailConfig(os.Args[2]))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(m.SMTPAddr(), m.IMAPAddr())
		io.Copy(io.Discard, os.Stdin) // until the test is gone
		os.Exit(0)
	}
}

// mailChild is a mail server in a process of its own.
type mailChild struct {
	process *exec.Cmd
	smtp    string
	imap    string
}

func startMailChild(t *testing.T, binary, dir string, user *syscall.Credential) *mailChild {
	t.Helper()
	c := exec.Command(binary, mailChildArg, dir)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	c.Dir = "/"
	c.Stderr = os.Stderr
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatalf("starting the server process: %v", err)
	}
	child := &mailChild{process: c}
	t.Cleanup(func() { stdin.Close(); child.kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if n, _ := fmt.Sscan(line, &child.smtp, &child.imap); n != 2 {
		t.Fatalf("the server process said %q (%v)", line, err)
	}
	return child
}

// kill is kill -9, and waits until the process is gone.
func (c *mailChild) kill() {
	if c.process.ProcessState == nil {
		c.process.Process.Kill()
		c.process.Wait()
	}
}

// flood is what its senders know of the emails they sent.
type flood struct {
	mu       sync.Mutex
	taken    map[string]bool // answered 250
	unknown  map[string]bool // no answer came
	answered atomic.Int64
}

// send hands in emails on one connection until that breaks.
func (f *flood) send(addr, name string) {
	c, err := gosmtp.Dial(addr)
	if err != nil {
		return
	}
	defer c.Close()
	for n := 0; ; n++ {
		subject := fmt.Sprintf("%s-%d", name, n)
		err := c.SendMail(testSender, []string{"support+tag@desk.example"}, bytes.NewReader(testEmail(subject, 2000)))
		f.mu.Lock()
		if err != nil {
			f.unknown[subject] = true
			f.mu.Unlock()
			return
		}
		f.taken[subject] = true
		f.mu.Unlock()
		f.answered.Add(1)
	}
}

func (f *flood) waitFor(t *testing.T, answered int64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); f.answered.Load() < answered; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d emails of %d were answered in a minute", f.answered.Load(), answered)
		}
	}
}

// binaryFor gives a copy of the test binary that any user may execute; the
// folder that go test builds in is closed to others.
func binaryFor(t *testing.T) (binary, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-mail-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "server")
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return binary, dir
}

func TestKillInAFlood(t *testing.T) {
	t.Parallel()
	binary, dir := binaryFor(t)
	t.Run("as this user", func(t *testing.T) {
		t.Parallel()
		killInAFlood(t, binary, filepath.Join(dir, "mine"), nil)
	})
	if os.Geteuid() != 0 {
		t.Log("an ordinary user runs this test; only root can try both")
		return
	}
	t.Run("as an ordinary user", func(t *testing.T) {
		t.Parallel()
		const nobody = 65534
		home := filepath.Join(dir, "nobody")
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(home, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		killInAFlood(t, binary, home, &syscall.Credential{Uid: nobody, Gid: nobody})
	})
}

// killInAFlood kills the server three times while eight clients send, and asks
// each time: is every email that got 250 there once, with the UID it had?
func killInAFlood(t *testing.T, binary, dir string, user *syscall.Credential) {
	f := &flood{taken: map[string]bool{}, unknown: map[string]bool{}}
	known := map[imap.UID]string{}
	var validity uint32
	for round := range 3 {
		child := startMailChild(t, binary, dir, user)
		var senders sync.WaitGroup
		goal := f.answered.Load() + 300
		for n := range 8 {
			senders.Go(func() { f.send(child.smtp, fmt.Sprintf("r%d-c%d", round, n)) })
		}
		f.waitFor(t, goal-150)
		// What a client saw before the kill must be there after it.
		now, subjects := readChild(t, child)
		validity = sameOrFirst(t, validity, now)
		sameUIDs(t, known, subjects)
		f.waitFor(t, goal)
		child.kill()
		senders.Wait()
	}
	child := startMailChild(t, binary, dir, user)
	now, subjects := readChild(t, child)
	sameOrFirst(t, validity, now)
	sameUIDs(t, known, subjects)
	count := map[string]int{}
	for _, subject := range subjects {
		count[subject]++
	}
	for subject := range f.taken {
		if count[subject] != 1 {
			t.Errorf("%s got 250 and is there %d times", subject, count[subject])
		}
	}
	for subject, n := range count {
		if n > 1 || !f.taken[subject] && !f.unknown[subject] {
			t.Errorf("%s is there %d times", subject, n)
		}
	}
	t.Logf("%d emails got 250, %d got no answer, %d are there", len(f.taken), len(f.unknown), len(subjects))
}

func sameOrFirst(t *testing.T, before, now uint32) uint32 {
	t.Helper()
	if before != 0 && before != now {
		t.Errorf("UIDVALIDITY went from %d to %d", before, now)
	}
	return now
}

// sameUIDs adds what is new to known.
func sameUIDs(t *testing.T, known, now map[imap.UID]string) {
	t.Helper()
	for uid, subject := range known {
		if now[uid] != subject {
			t.Errorf("UID %d was %q and is %q", uid, subject, now[uid])
		}
	}
	for uid, subject := range now {
		known[uid] = subject
	}
}

func readChild(t *testing.T, child *mailChild) (validity uint32, subjects map[imap.UID]string) {
	t.Helper()
	c, data := openInbox(t, child.imap, testSupport)
	subjects = map[imap.UID]string{}
	for _, email := range fetchAll(t, c) {
		body := bodyOf(t, email)
		if !strings.HasSuffix(string(body), "x\r\n") {
			t.Errorf("UID %d is cut short", email.UID)
		}
		subjects[email.UID] = headerField(body, "Subject")
	}
	return data.UIDValidity, subjects
}
