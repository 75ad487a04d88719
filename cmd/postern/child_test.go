package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/smtp"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// program is the binary as it is shipped, built once for all tests.
var program string

func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

func withProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postern-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // an ordinary user runs it too
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program = filepath.Join(dir, "postern")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// patience bounds every wait: several programs share the machine.
const patience = time.Minute

// surroundings are an environment without any setting of ours, and a working folder without a file.
func surroundings(t *testing.T, settings ...string) (env []string, dir string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "POSTERN_") {
			env = append(env, v)
		}
	}
	return append(env, settings...), t.TempDir()
}

// command runs the program to its end.
func command(t *testing.T, settings []string, args ...string) (out, errs string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Env, c.Dir = surroundings(t, settings...)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

// succeed is command for what must work.
func succeed(t *testing.T, settings []string, args ...string) string {
	t.Helper()
	out, errs, status := command(t, settings, args...)
	if status != 0 {
		t.Fatalf("postern %s ended with %d:\n%s%s", strings.Join(args, " "), status, out, errs)
	}
	return out
}

// child is the running program.
type child struct {
	command *exec.Cmd
	said    *lines
	ended   chan struct{}
}

// lines keeps what a program says while it runs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*lines)(nil)

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs the program until the test ends; as tells which user runs it, nil for ourselves.
func start(t *testing.T, as *syscall.Credential, settings []string, args ...string) *child {
	t.Helper()
	c := &child{command: exec.Command(program, args...), said: &lines{}, ended: make(chan struct{})}
	c.command.Env, c.command.Dir = surroundings(t, settings...)
	if as != nil {
		c.command.Dir = "/"
		c.command.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	}
	c.command.Stdout, c.command.Stderr = c.said, c.said
	if err := c.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.ended)
		_ = c.command.Wait()
	}()
	t.Cleanup(func() {
		c.interrupt(t)
		if t.Failed() {
			t.Logf("postern %s said:\n%s", args[0], c.said)
		}
	})
	return c
}

// interrupt is Ctrl-C; it waits for the end.
func (c *child) interrupt(t *testing.T) {
	t.Helper()
	_ = c.command.Process.Signal(os.Interrupt)
	select {
	case <-c.ended:
	case <-time.After(patience):
		t.Errorf("the program does not end after an interrupt")
		_ = c.command.Process.Kill()
		<-c.ended
	}
}

// kill is kill -9.
func (c *child) kill() {
	_ = c.command.Process.Kill()
	<-c.ended
}

func waitFor(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s it is still not so that %s", within, what)
		}
	}
}

// desk is a running demo or service as its users meet it: API, SMTP, IMAP.
type desk struct {
	API            string `json:"api"`
	APIKey         string `json:"api_key"`
	SMTP           string `json:"smtp"`
	IMAP           string `json:"imap"`
	SupportAddress string `json:"support_address"`
	StaffAddress   string `json:"staff_address"`
	IMAPUser       string `json:"imap_user"`
	IMAPPassword   string `json:"imap_password"`
	DatabaseURL    string `json:"database_url"`
	DNSServer      string `json:"dns_server"`

	child *child
	dir   string
}

// demo starts `postern demo` on a data folder and waits until it says that everything answers.
func demo(t *testing.T, as *syscall.Credential, dir string, more ...string) *desk {
	t.Helper()
	file := filepath.Join(dir, "demo.json")
	before, _ := os.ReadFile(file) // of an earlier start that was killed
	args := append([]string{"demo", "--data", dir, "--listen", "127.0.0.1:0", "--smtp", "127.0.0.1:0", "--imap", "127.0.0.1:0"}, more...)
	d := &desk{child: start(t, as, nil, args...), dir: dir}
	waitFor(t, 2*patience, "demo.json is there", func() bool {
		select {
		case <-d.child.ended:
			t.Fatalf("the demo ended:\n%s", d.child.said)
		default:
		}
		text, err := os.ReadFile(file)
		if err != nil || len(before) > 0 && bytes.Equal(text, before) {
			return false
		}
		if err := json.Unmarshal(text, d); err != nil {
			t.Fatalf("demo.json: %v\n%s", err, text)
		}
		return true
	})
	return d
}

// openFolder is a data folder that every user may enter.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-data-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

var drawn atomic.Int64

func unique() string { return fmt.Sprintf("%d-%d@mail.client.example", os.Getpid(), drawn.Add(1)) }

// send hands an email over by SMTP and returns its Message-ID. Extra are whole header lines.
func (d *desk) send(t *testing.T, from, to, subject, extra, body string) (id string) {
	t.Helper()
	id = unique()
	raw := "From: " + from + "\r\nTo: " + to + "\r\nSubject: " + subject + "\r\nMessage-ID: <" + id + ">\r\n" + extra + "\r\n" + body + "\r\n"
	if err := smtp.SendMail(d.SMTP, nil, from, []string{to}, []byte(raw)); err != nil {
		t.Fatalf("send an email: %v", err)
	}
	return id
}

// mail reads every email of somebody's mailbox by IMAP.
func (d *desk) mail(t *testing.T, address string) (raws []string) {
	t.Helper()
	s, err := mailbox.Dial(t.Context(), imapAccount(t, d, address), mailbox.DefaultTimeouts())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Open(t.Context(), "INBOX"); err != nil {
		t.Fatal(err)
	}
	var metas []mailbox.Meta
	if err := s.List(t.Context(), 1, 0, func(m mailbox.Meta) error { metas = append(metas, m); return nil }); err != nil {
		t.Fatal(err)
	}
	_, err = s.Fetch(t.Context(), metas, func(_ mailbox.Meta, r io.Reader) error {
		raw, err := io.ReadAll(r)
		raws = append(raws, string(raw))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return raws
}

func imapAccount(t *testing.T, d *desk, address string) mailbox.Account {
	t.Helper()
	host, port, _ := strings.Cut(d.IMAP, ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return mailbox.Account{Host: host, Port: n, Security: mailbox.SecurityNone, Username: address, Password: d.IMAPPassword}
}

// letter waits for an email in somebody's mailbox that has these words.
func (d *desk) letter(t *testing.T, address, words string) (raw string) {
	t.Helper()
	waitFor(t, patience, fmt.Sprintf("%s has an email with %q", address, words), func() bool {
		for _, raw = range d.mail(t, address) {
			if strings.Contains(raw, words) {
				return true
			}
		}
		return false
	})
	return raw
}

// object is a JSON object of the API.
type object map[string]any

func (o object) text(field string) string {
	s, _ := o[field].(string)
	return s
}

func (o object) list(field string) []object {
	var out []object
	items, _ := o[field].([]any)
	for _, item := range items {
		m, _ := item.(map[string]any)
		out = append(out, m)
	}
	return out
}

func (o object) inner(field string) object {
	m, _ := o[field].(map[string]any)
	return m
}

// ask calls the API with the desk's key.
func (d *desk) ask(t *testing.T, method, path string, body any) object {
	t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, d.API+path, content)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+d.APIKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s\n%s", method, path, response.Status, text)
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, text)
	}
	return o
}

// tickets are those with this subject.
func (d *desk) tickets(t *testing.T, subject string) (found []object) {
	t.Helper()
	for _, item := range d.ask(t, http.MethodGet, "/v1/tickets?limit=100", nil).list("items") {
		if item.text("subject") == subject {
			found = append(found, item)
		}
	}
	return found
}

// ticket waits for the ticket with this subject.
func (d *desk) ticket(t *testing.T, subject string) object {
	t.Helper()
	var found []object
	waitFor(t, patience, "there is a ticket "+subject, func() bool {
		found = d.tickets(t, subject)
		return len(found) > 0
	})
	if len(found) > 1 {
		t.Fatalf("%d tickets %q", len(found), subject)
	}
	return found[0]
}

// thread reads a ticket alone, with its messages.
func (d *desk) thread(t *testing.T, id string) object {
	t.Helper()
	return d.ask(t, http.MethodGet, "/v1/tickets/"+url.PathEscape(id), nil)
}
