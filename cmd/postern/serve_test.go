package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/faultproxy"
	"github.com/postern-desk/postern/internal/testdb"
)

// service is a desk as an operator sets it up with commands: a database of its own, a mail server that
// was there before, `migrate`, `mailbox add`, `apikey create`, `serve`.
type service struct {
	desk
	settings []string
	imap     *faultproxy.Proxy
}

const password = "the mailbox's password"

func setUp(t *testing.T) *service {
	t.Helper()
	urls := testdb.Empty(t)
	mail, err := embedded.StartMail(t.Context(), embedded.MailConfig{Dir: t.TempDir(), SMTPAddr: "127.0.0.1:0", IMAPAddr: "127.0.0.1:0", Password: password, Domain: "desk.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mail.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := &service{imap: faultproxy.Start(t, mail.IMAPAddr())}
	s.SMTP, s.IMAP, s.IMAPPassword, s.SupportAddress = mail.SMTPAddr(), mail.IMAPAddr(), password, "support@desk.example"
	s.API = "http://" + freePort(t)
	s.settings = []string{"POSTERN_DATABASE_URL=" + urls.AppURL, "POSTERN_OWNER_DATABASE_URL=" + urls.OwnerURL, "POSTERN_DATA_DIR=" + t.TempDir(),
		"POSTERN_LISTEN=" + strings.TrimPrefix(s.API, "http://"), "POSTERN_POLL_INTERVAL=1s", "POSTERN_MAILBOX_PASSWORD=" + password}
	if out := succeed(t, s.settings, "migrate", "status"); strings.Contains(out, "applied") || !strings.Contains(out, "pending") {
		t.Errorf("before the migration:\n%s", out)
	}
	if out := succeed(t, s.settings, "migrate"); strings.Contains(out, "pending") || !strings.Contains(out, "applied") {
		t.Errorf("after the migration:\n%s", out)
	}
	s.add(t, "support@desk.example")
	s.APIKey = strings.TrimSpace(succeed(t, s.settings, "apikey", "create", "--name", "Test"))
	return s
}

func (s *service) add(t *testing.T, address string, more ...string) string {
	t.Helper()
	args := []string{"mailbox", "add", address, "--imap", s.imap.Addr(), "--imap-security", "none", "--smtp", s.SMTP, "--smtp-security", "none", "--from", "all"}
	return succeed(t, s.settings, append(args, more...)...)
}

func freePort(t *testing.T) string {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listen.Close()
	return listen.Addr().String()
}

// serve runs the desk and waits until it is ready.
func (s *service) serve(t *testing.T, args ...string) {
	t.Helper()
	s.child = start(t, nil, s.settings, append([]string{"serve"}, args...)...)
	waitFor(t, patience, "the desk is ready", func() bool {
		response, err := http.Get(s.API + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// What comes while the desk cannot read its mailbox is not lost and not invented: it becomes a ticket as
// soon as IMAP is back.
func TestNoTicketWhileIMAPIsAway(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.serve(t)
	s.send(t, "ann@client.example", s.SupportAddress, "first", "", "x")
	s.ticket(t, "first")
	s.imap.Refuse(true)
	s.imap.Reset()
	s.send(t, "ann@client.example", s.SupportAddress, "meanwhile", "", "x")
	time.Sleep(3 * time.Second)
	if n := len(s.tickets(t, "meanwhile")); n != 0 {
		t.Errorf("%d tickets of an email that nobody can have read", n)
	}
	out := succeed(t, s.settings, "mailbox", "list")
	if !strings.Contains(out, "failing since") {
		t.Errorf("`mailbox list` does not show it:\n%s", out)
	}
	s.imap.Refuse(false)
	s.ticket(t, "meanwhile")
	waitFor(t, patience, "`mailbox list` shows that it is well again", func() bool {
		return !strings.Contains(succeed(t, s.settings, "mailbox", "list"), "failing")
	})
}

// The roles may run in processes of their own; an answer through one leaves through another.
func TestRolesRunApart(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	if out := succeed(t, s.settings, "mailbox", "list"); !strings.Contains(out, "watched by nobody") {
		t.Errorf("before the start, list says\n%s", out)
	}
	for _, role := range []string{"worker", "watch"} {
		start(t, nil, s.settings, "serve", "--roles", role)
	}
	s.serve(t, "--roles", "web")
	waitFor(t, patience, "`mailbox list` tells who watches", func() bool {
		return strings.Contains(succeed(t, s.settings, "mailbox", "list"), " since ")
	})
	if out, _, _ := command(t, s.settings, "doctor", "--no-probe"); !strings.Contains(out, "ok    processes: web 1, worker 1, watch 1, 1 of 1 mailboxes are watched") {
		t.Errorf("the doctor says\n%s", out)
	}
	s.send(t, "ann@client.example", s.SupportAddress, "apart", "", "x")
	ticket := s.ticket(t, "apart")
	s.ask(t, http.MethodPost, "/v1/tickets/"+ticket.text("id")+"/messages", object{"visibility": "everyone", "body": "Written in the web process."})
	s.letter(t, "ann@client.example", "Written in the web process.")
}

// An operator logs in with the key that the command line makes, and finds the jobs of the running desk.
func TestOperatorLooksAtTheQueue(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	key := strings.TrimSpace(succeed(t, s.settings, "apikey", "create", "--name", "Operator", "--role", "admin"))
	s.serve(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: patience}
	see := func(response *http.Response, err error) (int, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	if status, text := see(browser.Get(s.API + "/admin/jobs/api/jobs?state=completed&limit=20")); status != http.StatusUnauthorized {
		t.Errorf("without a login: %d %s", status, text)
	}
	if status, text := see(browser.PostForm(s.API+"/admin/login", url.Values{"key": {key}})); status != http.StatusOK || !strings.Contains(text, `id="root"`) {
		t.Errorf("after the login: %d %s", status, text)
	}
	waitFor(t, patience, "the sweep is among the jobs", func() bool {
		status, text := see(browser.Get(s.API + "/admin/jobs/api/jobs?state=completed&limit=20"))
		return status == http.StatusOK && strings.Contains(text, "sweep_inbox")
	})
}

// A worker that is killed with a job in hand loses nothing: another process takes it over.
func TestKilledServiceGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.serve(t)
	for i := range 10 {
		s.send(t, fmt.Sprintf("k%d@client.example", i), s.SupportAddress, fmt.Sprintf("number %d", i), "", "x")
	}
	s.child.kill()
	s.serve(t)
	for i := range 10 {
		s.ticket(t, fmt.Sprintf("number %d", i))
		s.letter(t, fmt.Sprintf("k%d@client.example", i), fmt.Sprintf("number %d", i))
	}
	if n := len(s.ask(t, http.MethodGet, "/v1/tickets?limit=100", nil).list("items")); n != 10 {
		t.Errorf("%d tickets for 10 emails", n)
	}
}

func TestMailboxAddListCheck(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.send(t, "ann@client.example", "sales@desk.example", "x", "", "x")
	if out := s.add(t, "sales@desk.example", "--name", "Sales", "--staff", "staff@team.example"); !strings.Contains(out, "mailbox check sales@desk.example") {
		t.Errorf("add says\n%s", out)
	}
	words := file(t, "password", password+"\n")
	fromFile := append(slices.Clone(s.settings), "POSTERN_MAILBOX_PASSWORD=", "POSTERN_MAILBOX_PASSWORD_FILE="+words)
	succeed(t, fromFile, "mailbox", "add", "filed@desk.example", "--imap", s.IMAP, "--imap-security=none", "--smtp", s.SMTP, "--smtp-security=none",
		"--after=move", "--after-folder=Done")
	if out := succeed(t, s.settings, "mailbox", "check", "filed@desk.example"); strings.Contains(out, "FAIL") {
		t.Errorf("with the password from a file, check says\n%s", out)
	}
	if out := succeed(t, s.settings, "mailbox", "list"); !strings.Contains(out, "sales@desk.example") || !strings.Contains(out, "support@desk.example") || !strings.Contains(out, "not read yet") ||
		!strings.Contains(out, "then moved to Done") {
		t.Errorf("list says\n%s", out)
	}
	if out := succeed(t, s.settings, "mailbox", "check", "SALES@desk.example"); strings.Contains(out, "FAIL") || strings.Count(out, "ok ") != 3 || !strings.Contains(out, "INBOX (1 emails)") {
		t.Errorf("check says\n%s", out)
	}
	s.imap.Refuse(true)
	out, errs, status := command(t, s.settings, "mailbox", "check", "sales@desk.example")
	if status != 1 || !strings.Contains(out, "FAIL  IMAP") || !strings.Contains(out, "ok    SMTP") || strings.Contains(out+errs, password) {
		t.Errorf("check without IMAP: status %d\n%s%s", status, out, errs)
	}
	for what, args := range map[string][]string{
		"there is a mailbox with this address":      {"mailbox", "add", "sales@desk.example", "--imap", s.IMAP, "--imap-security", "none", "--smtp", s.SMTP, "--smtp-security", "none"},
		"--staff: \"boss\" is not an email address": {"mailbox", "add", "a@desk.example", "--imap", s.IMAP, "--smtp", s.SMTP, "--staff", "boss"},
		"is not an email address":                   {"mailbox", "add", "sales", "--imap", s.IMAP, "--smtp", s.SMTP},
		"after move needs the folder to move to":    {"mailbox", "add", "a@desk.example", "--imap", s.IMAP, "--smtp", s.SMTP, "--after", "move"},
		"is not host:port":                          {"mailbox", "add", "a@desk.example", "--imap", "mail.example", "--smtp", s.SMTP},
		"--from must be now, all or a date":         {"mailbox", "add", "a@desk.example", "--imap", s.IMAP, "--smtp", s.SMTP, "--from", "yesterday"},
		"without encryption is allowed on loopback": {"mailbox", "add", "a@desk.example", "--imap", "mail.example:143", "--imap-security", "none", "--smtp", s.SMTP},
		"there is no mailbox nobody@desk.example":   {"mailbox", "check", "nobody@desk.example"},
	} {
		_, errs, status := command(t, s.settings, args...)
		if status != 1 || !strings.Contains(errs, what) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: status %d, want one line with %q:\n%s", args, status, what, errs)
		}
	}
}

// A key opens the API as what it was made for, and is shown once.
func TestAPIKeyCreate(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.serve(t)
	if me := s.ask(t, http.MethodGet, "/v1/me", nil); !strings.Contains(fmt.Sprint(me), "Test") {
		t.Errorf("me is %v", me)
	}
	if !strings.HasPrefix(s.APIKey, "pst_") || strings.Contains(s.APIKey, "\n") {
		t.Errorf("the key %q is not one line that begins with pst_", s.APIKey)
	}
	s.APIKey += "x"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.API+"/v1/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.APIKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("another key: %s", response.Status)
	}
}

// Every wrong setting is one line that names it and says what to do, and exit status 2.
func TestWrongConfigurationIsOneLineWithTheRemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ setting, names, remedy string }{
		{"POSTERN_POLL_INTERVAL=soon", "POSTERN_POLL_INTERVAL", "duration"},
		{"POSTERN_POLL_INTERVAL=10ms", "POSTERN_POLL_INTERVAL", "from"},
		{"POSTERN_MAX_EMAIL_BYTES=lots", "POSTERN_MAX_EMAIL_BYTES", "50MiB"},
		{"POSTERN_TICKET_LIMIT_ADDRESS=20", "POSTERN_TICKET_LIMIT_ADDRESS", "20/10m"},
		{"POSTERN_ROLES=web,wroker", "POSTERN_ROLES", "worker"},
		{"POSTERN_PUBLIC_URL=desk.example", "POSTERN_PUBLIC_URL", "https://"},
		{"POSTERN_PUBLIC_URL=http://desk.example", "POSTERN_PUBLIC_URL", "https://"},
		{"POSTERN_TIME_ZONE=Europe/Atlantis", "POSTERN_TIME_ZONE", "Europe/London"},
		{"POSTERN_LISTEN=8080", "POSTERN_LISTEN", "host:port"},
		{"POSTERN_LOG_LEVEL=loud", "POSTERN_LOG_LEVEL", "debug, info"},
		{"POSTERN_DATABASE_URL=mysql://a:hunter2@h/d", "POSTERN_DATABASE_URL", "postgres://"},
		{"POSTERN_POLL_INTERVALL=1m", "POSTERN_POLL_INTERVALL", ""},
	} {
		out, errs, status := command(t, []string{c.setting, "POSTERN_DATA_DIR=" + t.TempDir()}, "serve")
		if status != 2 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.names) || !strings.Contains(errs, c.remedy) {
			t.Errorf("%s: status %d, want 2 and one line with %q and %q:\n%s%s", c.setting, status, c.names, c.remedy, out, errs)
		}
		if strings.Contains(errs, "hunter2") {
			t.Errorf("the password is in the message: %s", errs)
		}
	}
}

// Tried: a file of letter templates that names nothing there is, at the start and by the doctor; then one that can be used.
func TestWrongTemplateFileIsOneLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "answer.txt")
	settings := []string{"POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_TEMPLATES_DIR=" + dir, "POSTERN_DATABASE_URL=postgres://x@127.0.0.1:1/x", "POSTERN_LISTEN=127.0.0.1:0"}
	if err := os.WriteFile(file, []byte("Hi,\n{{nobody}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, status := command(t, settings, "serve")
	if status == 0 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, dir) || !strings.Contains(errs, `text:2: function "nobody" not defined; there are desk, number`) {
		t.Errorf("status %d: %s", status, errs)
	}
	if out, _, _ := command(t, settings, "doctor"); !strings.Contains(out, "fail  letter templates: "+dir) {
		t.Errorf("the doctor says %s", out)
	}
	if err := os.WriteFile(file, []byte("Hi,\n{{body}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := command(t, settings, "doctor"); !strings.Contains(out, "ok    letter templates: the files in "+dir) {
		t.Errorf("the doctor says %s", out)
	}
}

// A database that is not there, or has no schema, is one line too; it is no wrong configuration.
func TestUnusableDatabaseIsOneLine(t *testing.T) {
	t.Parallel()
	empty := testdb.Empty(t)
	for want, c := range map[string]struct {
		url  string
		args []string
	}{
		"database_url":    {"postgres://a:hunter2@127.0.0.1:1/d", []string{"mailbox", "list"}}, // `serve` waits for it
		"postern migrate": {empty.AppURL, []string{"serve", "--listen=127.0.0.1:0", "--log-level=error"}},
	} {
		_, errs, status := command(t, []string{"POSTERN_DATABASE_URL=" + c.url, "POSTERN_DATA_DIR=" + t.TempDir()}, c.args...)
		if status != 1 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, want) || strings.Contains(errs, "hunter2") {
			t.Errorf("status %d, want 1 and one line with %q:\n%s", status, want, errs)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	if out := succeed(t, nil, "version"); !strings.HasPrefix(out, "postern ") || !strings.Contains(out, "commit") || !strings.Contains(out, "go1.") {
		t.Errorf("version says %q", out)
	}
	out := succeed(t, nil, "--help")
	for _, name := range []string{"serve", "demo", "migrate", "mailbox", "apikey", "mail explain", "version"} {
		if !strings.Contains(out, name) {
			t.Errorf("--help does not name %s", name)
		}
	}
	if out := succeed(t, nil, "serve", "--help"); !strings.Contains(out, "--poll-interval") || !strings.Contains(out, "60s") {
		t.Errorf("serve --help does not tell a setting and its default:\n%s", out)
	}
	if _, errs, status := command(t, nil, "dance"); status != 2 || !strings.Contains(errs, "dance") {
		t.Errorf("an unknown command: status %d\n%s", status, errs)
	}
}

// TestMailExplainTheCorpus gives every kind of email that is on the shelf, and what is no email at all,
// to `mail explain`: one line a file, in order, and a failure for the three that cannot be read.
func TestMailExplainTheCorpus(t *testing.T) {
	t.Parallel()
	paths := corpus(t, 25)
	junk := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(junk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	paths = append(paths, junk, program, t.TempDir(), "/no/such/file", filepath.Join(filepath.Dir(program), "two\nlines"))
	began := time.Now()
	out, errs, status := command(t, nil, append([]string{"mail", "explain", "--json"}, paths...)...)
	if status != 1 || strings.Count(errs, "\n") != 1 {
		t.Errorf("status %d\n%s", status, errs)
	}
	rows := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(rows) != len(paths) {
		t.Fatalf("%d lines for %d files", len(rows), len(paths))
	}
	known := map[string]bool{"human": true, "auto_reply": true, "bounce": true, "delay_notice": true, "feedback_report": true, "receipt": true,
		"calendar_reply": true, "own_loop": true, "list": true, "no_reply": true, "spam": true}
	for i, row := range rows {
		var o object
		if err := json.Unmarshal([]byte(row), &o); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if o.text("path") != paths[i] {
			t.Fatalf("line %d is about %q, want %q", i+1, o.text("path"), paths[i])
		}
		if readable := i < len(paths)-3; readable && (!known[o.text("class")] || o.inner("priority").text("level") == "") {
			t.Errorf("%s: class %q, priority %v", paths[i], o.text("class"), o["priority"])
		} else if !readable && len(o["problems"].([]any)) == 0 {
			t.Errorf("%s: nothing says why it cannot be read", paths[i])
		}
	}
	t.Logf("%d files in %s", len(paths), time.Since(began).Round(time.Millisecond))
	if out := succeed(t, nil, "mail", "explain", paths[0]); !strings.Contains(out, "class") || !strings.Contains(out, paths[0]) {
		t.Errorf("for people it says\n%s", out)
	}
}

// corpus is up to n emails of each collection.
func corpus(t *testing.T, n int) (paths []string) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the checkout's root is not found")
		}
		dir = filepath.Dir(dir)
	}
	root := filepath.Join(dir, "..", "shared", "corpus")
	collections, err := os.ReadDir(root)
	if err != nil {
		t.Fatalf("the corpus of emails is not there: %v", err)
	}
	for _, c := range collections {
		found := 0
		err := filepath.WalkDir(filepath.Join(root, c.Name()), func(path string, e os.DirEntry, err error) error {
			if err == nil && c.IsDir() && e.Type().IsRegular() && found < n {
				found++
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(paths) < 200 {
		t.Fatalf("only %d emails in %s", len(paths), root)
	}
	return paths
}
