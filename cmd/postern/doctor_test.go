package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/testdb"
)

// report is what `doctor --json` says.
type report struct {
	OK     bool `json:"ok"`
	Checks []struct{ Status, Name, Seen, Remedy string }
}

// examine runs the doctor; the exit status must agree with what it says, and no secret may be in it.
func examine(t *testing.T, settings []string, args ...string) report {
	t.Helper()
	out, errs, status := command(t, settings, append([]string{"doctor", "--json"}, args...)...)
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	failed := false
	for _, c := range r.Checks {
		failed = failed || c.Status == "fail"
		if c.Name == "" || c.Seen == "" || (c.Status != "ok") == (c.Remedy == "") || strings.Contains(c.Seen+c.Remedy, "\n") {
			t.Errorf("an incomplete line: %+v", c)
		}
	}
	if failed == r.OK || failed != (status == 1) {
		t.Errorf("ok %v, status %d:\n%s%s", r.OK, status, out, errs)
	}
	for _, secret := range append(secretsIn(settings), password, "hunter2", "the wrong one") {
		if strings.Contains(out+errs, secret) {
			t.Errorf("%q is in the output:\n%s%s", secret, out, errs)
		}
	}
	return r
}

// secretsIn are the passwords that the settings hold.
func secretsIn(settings []string) (secrets []string) {
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		if u, err := url.Parse(value); err == nil && u.User != nil {
			if word, _ := u.User.Password(); word != "" {
				secrets = append(secrets, word)
			}
		}
		if name == "POSTERN_MAILBOX_PASSWORD" {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// want looks for one line of a name, a status, and what it says in its two parts.
func (r report) want(t *testing.T, status, name string, words ...string) {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name != name {
			continue
		}
		all := c.Seen + " -> " + c.Remedy
		if c.Status == status && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(all, w) }) {
			return
		}
	}
	t.Errorf("no line %q with %q and %q in:\n%+v", name, status, words, r.Checks)
}

// mailServer is a mail server with a name server's records for its domain; sign may add to what it sends.
func mailServer(t *testing.T, sign func(io.Reader, string) ([]byte, error)) *embedded.Mail {
	t.Helper()
	m, err := embedded.StartMail(t.Context(), embedded.MailConfig{Dir: t.TempDir(), SMTPAddr: "127.0.0.1:0", IMAPAddr: "127.0.0.1:0",
		Password: password, Domain: "desk.example", Sign: sign})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Stop() })
	return m
}

func addAt(t *testing.T, s *service, address, imap, smtp string, more ...string) {
	t.Helper()
	succeed(t, s.settings, append([]string{"mailbox", "add", address, "--imap", imap, "--imap-security=none", "--smtp", smtp, "--smtp-security=none"}, more...)...)
}

// A desk that is well: every check is made, none fails, and the probe becomes no ticket.
func TestDoctorOfAWellDesk(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	signing := mailServer(t, func(_ io.Reader, domain string) ([]byte, error) {
		return []byte("DKIM-Signature: v=1; a=rsa-sha256; d=" + domain + ";\r\n\ts=one; b=AA==\r\n"), nil
	})
	addAt(t, s, "help@signed.example", signing.IMAPAddr(), signing.SMTPAddr())
	s.settings = append(s.settings, "POSTERN_PUBLIC_URL="+s.API, "POSTERN_DNS_SERVER="+nameServer(t, map[string][]string{
		"desk.example": {"v=spf1 mx -all", "something else"}, "_dmarc.desk.example": {"v=DMARC1; p=none"},
		"signed.example": {"v=spf1 -all"}, "_dmarc.signed.example": {"v=DMARC1; p=reject"}, "one._domainkey.signed.example": {"v=DKIM1; k=rsa; p=AAAA"},
	}))
	s.serve(t)
	r := examine(t, s.settings)
	r.want(t, "ok", "database", "PostgreSQL 1")
	r.want(t, "ok", "schema", "up to date")
	r.want(t, "ok", "database clock")
	for _, name := range []string{"application's role", "client's role", "owner's role", "secret key", "data folder", "clock at the public URL"} {
		r.want(t, "ok", name)
	}
	r.want(t, "warn", "public URL", s.API, "https://")
	for _, address := range []string{"support@desk.example", "help@signed.example"} {
		r.want(t, "ok", "IMAP of "+address, "INBOX")
		r.want(t, "ok", "IDLE of "+address)
		r.want(t, "ok", "extensions of "+address, "UIDPLUS", "MOVE")
		r.want(t, "ok", "SMTP of "+address)
		r.want(t, "ok", "sub-addressing of "+address, "arrived")
		r.want(t, "ok", "probe of "+address, "no ticket")
		r.want(t, "ok", "clock of the server of "+address)
	}
	r.want(t, "ok", "SPF of desk.example", "v=spf1 mx -all")
	r.want(t, "ok", "DMARC of desk.example", "p=none")
	r.want(t, "warn", "DKIM of desk.example", "not signed")
	r.want(t, "ok", "DKIM of signed.example", "one._domainkey.signed.example")
	if items := s.ask(t, http.MethodGet, "/v1/tickets?limit=10", nil).list("items"); len(items) != 0 {
		t.Errorf("the probes became tickets: %v", items)
	}
	loops := s.ask(t, http.MethodGet, "/v1/inbound-emails?disposition=own_loop", nil).list("items")
	if len(loops) != 2 {
		t.Errorf("%d emails of the desk itself in the ledger, want the two probes", len(loops))
	}
	text := succeed(t, s.settings, "doctor", "--no-probe")
	if !strings.Contains(text, "ok    database: PostgreSQL") || !strings.Contains(text, "warn  DKIM of signed.example: no probe email came, ") || strings.Contains(text, "sub-addressing") {
		t.Errorf("for people, without a probe, it says\n%s", text)
	}
}

// Tried: a database that is away, empty, used with the owner's login, and one where a right was taken away.
func TestDoctorFindsWhatIsWrongWithTheDatabase(t *testing.T) {
	t.Parallel()
	data := "POSTERN_DATA_DIR=" + t.TempDir()
	examine(t, []string{data, "POSTERN_DATABASE_URL=postgres://a:hunter2@127.0.0.1:1/d"}, "--no-probe").want(t, "fail", "database", "POSTERN_DATABASE_URL")
	empty := testdb.Empty(t)
	examine(t, []string{data, "POSTERN_DATABASE_URL=" + empty.AppURL}, "--no-probe").want(t, "fail", "schema", "postern migrate")
	full := testdb.New(t)
	owner := examine(t, []string{data, "POSTERN_DATABASE_URL=" + full.OwnerURL}, "--no-probe")
	owner.want(t, "fail", "application's role", "audit trail", "postern_app")
	app := []string{data, "POSTERN_DATABASE_URL=" + full.AppURL}
	r := examine(t, app, "--no-probe")
	r.want(t, "ok", "schema", "up to date")
	r.want(t, "warn", "mailboxes", "postern mailbox add")
	r.want(t, "ok", "secret key", "not there yet")
	full.Fixture(t, `revoke update on letters from postern_app`)
	examine(t, app, "--no-probe").want(t, "fail", "application's role", "letters: update")
	wrong := append(app, "POSTERN_OWNER_DATABASE_URL="+full.AppURL)
	examine(t, wrong, "--no-probe").want(t, "fail", "owner's role", "POSTERN_OWNER_DATABASE_URL")
}

// Tried: the key open to others, another key, and none; a data folder that everybody may write to; a file in its place.
func TestDoctorFindsWhatIsWrongWithTheKeyAndTheFolder(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	dir := ""
	for _, setting := range s.settings {
		if name, value, _ := strings.Cut(setting, "="); name == "POSTERN_DATA_DIR" {
			dir = value
		}
	}
	key := filepath.Join(dir, "secret.key")
	examine(t, s.settings, "--no-probe").want(t, "ok", "secret key", "1 mailboxes")
	for _, step := range []struct {
		status, name, words string
		break_              func() error
	}{
		{"warn", "secret key", "chmod 600", func() error { return os.Chmod(key, 0o644) }},
		{"fail", "secret key", "does not open the passwords of support@desk.example", func() error { return os.WriteFile(key, make([]byte, 32), 0o600) }},
		{"fail", "secret key", "want one or more keys", func() error { return os.WriteFile(key, []byte("short"), 0o600) }},
		{"fail", "secret key", "backup", func() error { return os.Remove(key) }},
		{"fail", "data folder", "chmod o-w", func() error { return os.Chmod(dir, 0o777) }},
	} {
		if err := step.break_(); err != nil {
			t.Fatal(err)
		}
		examine(t, s.settings, "--no-probe").want(t, step.status, step.name, step.words)
	}
	if _, err := os.Stat(key); !os.IsNotExist(err) {
		t.Errorf("the doctor made a key in the place of the lost one: %v", err)
	}
	examine(t, append(s.settings, "POSTERN_DATA_DIR="+filepath.Join(dir, "none")), "--no-probe").want(t, "warn", "data folder", "not there yet")
	examine(t, append(s.settings, "POSTERN_DATA_DIR="+file(t, "plain", "")), "--no-probe").want(t, "fail", "data folder", "no folder")
}

// Tried: an IMAP server that is away, one without IDLE, a wrong password, a folder that is not there, a server that
// refuses tagged addresses, one that is no SMTP server, and a mailbox without tags.
func TestDoctorFindsWhatIsWrongWithAMailbox(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	addAt(t, s, "quiet@desk.example", without(t, " IDLE", s.IMAP), s.SMTP, "--no-tags")
	addAt(t, s, "folder@desk.example", s.IMAP, s.SMTP, "--folder", "Nope")
	addAt(t, s, "refuse-tags@desk.example", s.IMAP, s.SMTP)
	addAt(t, s, "smtp@desk.example", s.IMAP, s.IMAP)
	addAt(t, s, "password@desk.example", s.IMAP, s.SMTP, "--password", "the wrong one")
	addAt(t, s, "plain@desk.example", without(t, " MOVE", without(t, " UIDPLUS", s.IMAP)), s.SMTP, "--no-tags")
	addAt(t, s, "target@desk.example", s.IMAP, s.SMTP)
	s.fixture(t, `update mailboxes set after = 'move', after_folder = 'Done' where address like 'plain@%' or address like 'target@%'`)
	s.imap.Refuse(true)
	r := examine(t, s.settings)
	r.want(t, "fail", "extensions of plain@desk.example", "neither MOVE nor UIDPLUS", "marked as read")
	r.want(t, "fail", "extensions of target@desk.example", "Done", "make the folder")
	r.want(t, "fail", "IMAP of support@desk.example", "connect to 127.0.0.1", "postern mailbox check support@desk.example")
	r.want(t, "ok", "SMTP of support@desk.example")
	r.want(t, "warn", "IDLE of quiet@desk.example", "no IDLE", "POSTERN_POLL_INTERVAL")
	r.want(t, "ok", "sub-addressing of quiet@desk.example", "not used")
	r.want(t, "fail", "IMAP of folder@desk.example", "Nope", "the server has INBOX")
	r.want(t, "fail", "sub-addressing of refuse-tags@desk.example", "550", "--no-tags")
	r.want(t, "fail", "SMTP of smtp@desk.example", "postern mailbox set smtp@desk.example --smtp HOST:PORT")
	r.want(t, "fail", "IMAP of password@desk.example", "refused the login")
	r.want(t, "fail", "SMTP of password@desk.example", "535")
}

// fixture changes the database behind the desk's back.
func (s *service) fixture(t *testing.T, sql string) {
	t.Helper()
	for _, setting := range s.settings {
		url, ours := strings.CutPrefix(setting, "POSTERN_OWNER_DATABASE_URL=")
		if !ours {
			continue
		}
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// without is a way to an IMAP server that hides a capability.
func without(t *testing.T, capability, server string) string {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listen.Close() })
	go func() {
		for {
			client, err := listen.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			go func() { _, _ = bufio.NewReader(client).WriteTo(behind); behind.Close() }()
			go func() {
				defer client.Close()
				lines := bufio.NewReader(behind)
				for {
					line, err := lines.ReadString('\n')
					if strings.Contains(line, "CAPABILITY") {
						line = strings.Replace(line, capability, "", 1)
					}
					if _, failed := client.Write([]byte(line)); err != nil || failed != nil {
						return
					}
				}
			}()
		}
	}()
	return listen.Addr().String()
}

// Tried: no records, two records, everybody allowed, a key that is revoked, missing and another domain's, a
// subdomain, and a name server that says nothing.
func TestDoctorFindsWhatIsWrongInDNS(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	silent := examine(t, append(s.settings, "POSTERN_DNS_SERVER="+silentServer(t)), "--no-probe")
	silent.want(t, "warn", "SPF of desk.example", "POSTERN_DNS_SERVER")
	silent.want(t, "warn", "DMARC of desk.example", "POSTERN_DNS_SERVER")
	selector := map[string]string{"revoked.example": "old", "gone.example": "none", "foreign.example": "x"}
	signing := mailServer(t, func(_ io.Reader, domain string) ([]byte, error) {
		d := domain
		if domain == "foreign.example" {
			d = "provider.example"
		}
		return fmt.Appendf(nil, "DKIM-Signature: v=1; d=%s; s=%s; b=AA==\r\n", d, selector[domain]), nil
	})
	for _, domain := range []string{"revoked.example", "gone.example", "foreign.example"} {
		addAt(t, s, "a@"+domain, signing.IMAPAddr(), signing.SMTPAddr())
	}
	addAt(t, s, "a@mail.signed.example", s.IMAP, s.SMTP, "--no-tags")
	s.serve(t) // it reads the probes at once, so that nobody waits for the ledger
	dns := nameServer(t, map[string][]string{
		"revoked.example": {"v=spf1 -all", "v=spf1 mx -all"}, "_dmarc.revoked.example": {"v=DMARC1; p=none", "v=DMARC1; p=reject"},
		"old._domainkey.revoked.example": {"v=DKIM1; p="}, "gone.example": {"v=spf1 +all"}, "_dmarc.signed.example": {"v=DMARC1; p=reject"},
		"foreign.example": {"v=spf10 -all"},
	})
	r := examine(t, append(s.settings, "POSTERN_DNS_SERVER="+dns))
	r.want(t, "warn", "SPF of desk.example", "no record", "v=spf1")
	r.want(t, "warn", "SPF of foreign.example", "no record")
	r.want(t, "warn", "DMARC of desk.example", "_dmarc.desk.example")
	r.want(t, "ok", "DMARC of mail.signed.example", "p=reject")
	r.want(t, "fail", "SPF of revoked.example", "2 records")
	r.want(t, "fail", "DMARC of revoked.example", "2 records")
	r.want(t, "fail", "SPF of gone.example", "everybody")
	r.want(t, "fail", "DKIM of revoked.example", "revoked")
	r.want(t, "fail", "DKIM of gone.example", "no key at none._domainkey.gone.example")
	r.want(t, "warn", "DKIM of foreign.example", "proves nothing")
}

// The desk's own database is neither made nor left running by the doctor; once there, it is looked at.
func TestDoctorOfADeskWithItsOwnDatabase(t *testing.T) {
	t.Parallel()
	data := filepath.Join(openFolder(t), "data")
	settings := []string{"POSTERN_DATA_DIR=" + data}
	r := examine(t, settings, "--no-probe")
	r.want(t, "warn", "database", "not there yet", "postern migrate")
	r.want(t, "warn", "data folder", "not there yet")
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the doctor made the data folder: %v", err)
	}
	succeed(t, settings, "migrate")
	for range 2 {
		r := examine(t, settings, "--no-probe")
		r.want(t, "ok", "database", "the desk's own")
		r.want(t, "ok", "schema", "up to date")
		r.want(t, "ok", "owner's role")
	}
	examine(t, append(settings, "POSTERN_PG_BIN=/no/such"), "--no-probe").want(t, "fail", "database", "POSTERN_PG_BIN: there is no initdb in /no/such")
}

// Tried: nobody at the public URL, another program, and none set.
func TestDoctorFindsWhatIsWrongWithThePublicURL(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	settings := []string{"POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_DATABASE_URL=" + testdb.New(t).AppURL}
	examine(t, settings, "--no-probe").want(t, "warn", "public URL", "not set")
	examine(t, append(settings, "POSTERN_PUBLIC_URL="+other.URL), "--no-probe").want(t, "fail", "public URL", "404", "postern serve")
	examine(t, append(settings, "POSTERN_PUBLIC_URL=http://"+freePort(t)), "--no-probe").want(t, "fail", "public URL", "nothing listens at", "postern serve")
	examine(t, append(settings, "POSTERN_CA_FILE=/no/such"), "--no-probe").want(t, "fail", "authorities", "POSTERN_CA_FILE")
}
