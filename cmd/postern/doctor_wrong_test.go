package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/internal/testimap"
	"github.com/postern-desk/postern/migrations"
)

// wrongSetUps are set-ups with what is wrong with each, in the words of docs/operations.md.
var wrongSetUps = []struct {
	wrong []string
	setUp func(t *testing.T) (settings, args []string)
}{
	{[]string{"PostgreSQL does not run"}, database(func(*testing.T, *testdb.DB) string { return "postgres://a:hunter2@127.0.0.1:1/d" })},
	{[]string{"the password of the database is wrong"}, database(func(t *testing.T, d *testdb.DB) string {
		u := parsed(t, d.AppURL)
		u.User = url.UserPassword(u.User.Username(), "hunter2")
		return u.String()
	})},
	{[]string{"the database is not there"}, database(func(t *testing.T, d *testdb.DB) string {
		u := parsed(t, d.AppURL)
		u.Path = "/nowhere"
		return u.String()
	})},
	{[]string{"PostgreSQL is older than 15", "the clocks of the desk and PostgreSQL differ"}, database(func(t *testing.T, d *testdb.DB) string {
		// There is no older server here: this one says that it is one, and an hour late.
		asSuper(t, d, `create schema fake; grant usage on schema fake to postern_app;
			create function fake.current_setting(text) returns text language sql as $$ select case $1 when 'server_version' then '14.12' else '140012' end $$;
			create function fake.clock_timestamp() returns timestamptz language sql as $$ select pg_catalog.clock_timestamp() - interval '1 hour' $$;
			do $$ begin execute format('alter role postern_app in database %I set search_path = fake, pg_catalog, public', current_database()); end $$`)
		return d.AppURL
	})},
	{[]string{"the tables are missing"}, func(t *testing.T) ([]string, []string) {
		return []string{"POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_DATABASE_URL=" + testdb.Empty(t).AppURL}, quiet
	}},
	{[]string{"migrations are pending"}, func(t *testing.T) ([]string, []string) {
		d := testdb.Empty(t)
		if err := migrations.UpTo(t.Context(), d.OwnerURL, 6); err != nil {
			t.Fatal(err)
		}
		return []string{"POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_DATABASE_URL=" + d.AppURL, "POSTERN_OWNER_DATABASE_URL=" + d.OwnerURL}, quiet
	}},
	{[]string{"the schema is newer than the program"}, database(func(t *testing.T, d *testdb.DB) string {
		asSuper(t, d, `insert into goose_db_version (version_id, is_applied) values (9999, true)`)
		return d.AppURL
	})},
	{[]string{"the login is a superuser"}, database(func(_ *testing.T, d *testdb.DB) string { return d.SuperURL })},
	{[]string{"the login bypasses row-level security", "the login cannot step down to postern_client"}, database(func(t *testing.T, d *testdb.DB) string {
		role := "bypasser_" + strings.ToLower(rand.Text())
		asSuper(t, d, `create role `+role+` login bypassrls password 'hunter2'; grant select on goose_db_version, river_migration to `+role)
		t.Cleanup(func() { asSuper(t, d, `drop owned by `+role+`; drop role `+role) })
		u := parsed(t, d.AppURL)
		u.User = url.UserPassword(role, "hunter2")
		return u.String()
	})},
	{[]string{"the login is the owner"}, database(func(_ *testing.T, d *testdb.DB) string { return d.OwnerURL })},
	{[]string{"a right was taken away"}, database(func(t *testing.T, d *testdb.DB) string {
		asSuper(t, d, `revoke update on letters from postern_app`)
		return d.AppURL
	})},
	{[]string{"the owner's login does not own the tables", "there is no mailbox", "there is no API key"}, func(t *testing.T) ([]string, []string) {
		d := testdb.New(t)
		return []string{"POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_DATABASE_URL=" + d.AppURL, "POSTERN_OWNER_DATABASE_URL=" + d.AppURL}, quiet
	}},
	{[]string{"the key file is missing"}, withKey(os.Remove)},
	{[]string{"the key is another one"}, withKey(func(key string) error { return os.WriteFile(key, make([]byte, 32), 0o600) })},
	{[]string{"the key may be read by others", "the DNS server does not answer"}, func(t *testing.T) ([]string, []string) {
		settings, args := withKey(func(key string) error { return os.Chmod(key, 0o644) })(t)
		return append(settings, "POSTERN_DNS_SERVER="+silentServer(t)), args
	}},
	{[]string{"the data folder cannot be written to"}, func(*testing.T) ([]string, []string) { // nobody, not even root, makes a file in /proc
		return []string{"POSTERN_DATA_DIR=/proc", "POSTERN_DATABASE_URL=postgres://a:hunter2@127.0.0.1:1/d"}, quiet
	}},
	{[]string{"the data folder may be written by everybody"}, func(t *testing.T) ([]string, []string) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		return []string{"POSTERN_DATA_DIR=" + dir, "POSTERN_DATABASE_URL=postgres://a:hunter2@127.0.0.1:1/d"}, quiet
	}},
	{[]string{"nothing answers at the public URL", "the certificates of POSTERN_CA_FILE cannot be read"}, func(t *testing.T) ([]string, []string) {
		return append(away(t), "POSTERN_PUBLIC_URL=https://"+freePort(t), "POSTERN_CA_FILE=/no/such"), quiet
	}},
	{[]string{"the public URL leads elsewhere"}, func(t *testing.T) ([]string, []string) {
		other := httptest.NewServer(http.NotFoundHandler())
		t.Cleanup(other.Close)
		return append(away(t), "POSTERN_PUBLIC_URL="+other.URL), quiet
	}},
	{[]string{"its certificate has expired"}, behindTLS(true, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })},
	{[]string{"its certificate is for another name"}, behindTLS(true, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.example"}, nil })},
	{[]string{"its certificate is self-signed"}, behindTLS(false, func(*x509.Certificate) {})},
	{[]string{"nobody is told of tickets and failures", "a mailbox is paused", "the IMAP host is unknown", "the IMAP port is closed", "the IMAP server is silent",
		"the IMAP password is wrong", "TLS is set and the IMAP port begins without", "the IMAP server has no STARTTLS", "the IMAP server's certificate is of a private authority",
		"a folder is missing", "the server numbered a folder anew", "the IMAP server has no IDLE", "emails are moved and the server cannot", "the folder to move to is missing",
		"the provider refuses the OAuth2 sign-in", "the SMTP login is refused", "the SMTP server refuses the sender", "the SMTP server relays nothing",
		"the SMTP server asks to come again", "the SMTP server has no STARTTLS", "the SMTP server takes only small emails", "tagged addresses are refused",
		"the clock of the mail server is off", "there is no SPF record"}, wrongMailboxes},
	{[]string{"a role runs nowhere", "processes of different releases run", "letters are held", "letters did not arrive", "letters wait",
		"emails wait for their disposition", "jobs were given up"}, workLeftUndone},
}

var quiet = []string{"--no-probe"}

// away is a desk without a database, for what is looked at before it.
func away(t *testing.T) []string {
	return []string{"POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_DATABASE_URL=postgres://a:hunter2@127.0.0.1:1/d"}
}

func parsed(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// database sets up a database in which something is wrong, or a wrong way to it.
func database(wrong func(*testing.T, *testdb.DB) string) func(t *testing.T) (settings, args []string) {
	return func(t *testing.T) ([]string, []string) {
		return []string{"POSTERN_DATA_DIR=" + t.TempDir(), "POSTERN_DATABASE_URL=" + wrong(t, testdb.New(t))}, quiet
	}
}

func asSuper(t *testing.T, d *testdb.DB, sql string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // a clean-up, too
	conn, err := pgx.Connect(ctx, d.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Error(err)
	}
}

func withKey(wrong func(key string) error) func(t *testing.T) (settings, args []string) {
	return func(t *testing.T) ([]string, []string) {
		s := setUp(t)
		if err := wrong(filepath.Join(s.dataDir(), "secret.key")); err != nil {
			t.Fatal(err)
		}
		return s.settings, quiet
	}
}

// behindTLS is a public URL whose server has a certificate of its own making.
func behindTLS(trusted bool, wrong func(*x509.Certificate)) func(t *testing.T) (settings, args []string) {
	return func(t *testing.T) ([]string, []string) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "desk"}, NotBefore: time.Now().Add(-24 * time.Hour),
			NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
		wrong(template)
		raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		settings := append(away(t), "POSTERN_PUBLIC_URL="+server.URL)
		if trusted {
			settings = append(settings, "POSTERN_CA_FILE="+file(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))))
		}
		return settings, quiet
	}
}

// wrongMailboxes is a desk of many mailboxes, each with something wrong, at a real Dovecot and SMTP server.
func wrongMailboxes(t *testing.T) (settings, args []string) {
	s, dovecot := setUp(t), testimap.Start(t)
	_, word := dovecot.NewUser("any")
	sends, sendsLittle := (&relay{imap: dovecot, password: word}).start(t), (&relay{imap: dovecot, password: word, limit: 10 << 20}).start(t)
	withWord := append(slices.Clone(s.settings), "POSTERN_MAILBOX_PASSWORD="+word)
	add := func(name string, more ...string) {
		args := append([]string{"mailbox", "add", name + "@desk.example", "--imap", dovecot.Addr(), "--imap-security=none", "--smtp", sends, "--smtp-security=none",
			"--staff", "boss@team.example"}, more...)
		succeed(t, withWord, args...)
	}
	add("paused")
	succeed(t, s.settings, "mailbox", "set", "paused@desk.example", "--pause")
	add("unknown", "--imap=imap.desk..example:993", "--imap-security=tls")
	add("closed", "--imap=127.0.0.1:1")
	add("silent", "--imap", says(t, ""))
	succeed(t, append(slices.Clone(s.settings), "POSTERN_MAILBOX_PASSWORD=the wrong one"), "mailbox", "add", "password@desk.example", "--imap", dovecot.Addr(),
		"--imap-security=none", "--smtp", sends, "--smtp-security=none")
	add("tls", "--imap-security=tls")
	add("clear", "--imap", s.IMAP, "--imap-security=starttls")
	add("private", "--imap", dovecot.TLSAddr(), "--imap-security=tls")
	add("folder", "--folder=Nope")
	add("anew")
	s.fixture(t, `update mailbox_folders set uidvalidity = 1 where mailbox_id = (select id from mailboxes where address like 'anew@%')`)
	addAt(t, s, "noidle@desk.example", without(t, " IDLE", s.IMAP), s.SMTP)
	addAt(t, s, "nomove@desk.example", without(t, " MOVE", without(t, " UIDPLUS", s.IMAP)), s.SMTP, "--after=move", "--after-folder=Done")
	addAt(t, s, "target@desk.example", s.IMAP, s.SMTP, "--after=move", "--after-folder=Done")
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
	}))
	t.Cleanup(provider.Close)
	succeed(t, withoutPassword(s.settings), "mailbox", "add", "oauth@desk.example", "--imap", dovecot.Addr(), "--imap-security=none", "--smtp", sends, "--smtp-security=none",
		"--auth=oauth2", "--oauth-provider=custom", "--oauth-client-id=app", "--oauth-token-url="+provider.URL, "--oauth-device-url="+provider.URL)
	for _, name := range []string{"nosend", "norelay", "grey", "notags", "late"} {
		add(name)
	}
	add("plain", "--smtp-security=starttls")
	add("small", "--smtp", sendsLittle)
	return append(withWord, "POSTERN_DNS_SERVER="+nameServer(t, nil)), nil
}

func withoutPassword(settings []string) []string {
	return slices.DeleteFunc(slices.Clone(settings), func(v string) bool { return strings.HasPrefix(v, "POSTERN_MAILBOX_PASSWORD=") })
}

// says is a server that says one thing and then nothing.
func says(t *testing.T, words string) string {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listen.Close() })
	go func() {
		for {
			conn, err := listen.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			_, _ = io.WriteString(conn, words)
		}
	}()
	return listen.Addr().String()
}

// workLeftUndone is a desk of which only the API runs, beside a process of an older release, with letters, emails
// and jobs that got nowhere.
func workLeftUndone(t *testing.T) (settings, args []string) {
	s := setUp(t)
	s.serve(t, "--roles", "web")
	for _, setting := range s.settings {
		if raw, ok := strings.CutPrefix(setting, "POSTERN_DATABASE_URL="); ok {
			config, err := pgx.ParseConfig(raw)
			if err != nil {
				t.Fatal(err)
			}
			config.RuntimeParams["application_name"] = "postern serve 0.9 0123456789ab"
			old, err := pgx.ConnectConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { old.Close(context.WithoutCancel(t.Context())) })
		}
	}
	const sqlLetter = `insert into letters (id, kind, mailbox_id, recipients, subject, rfc_message_id, give_up_at, state, unknowns, last_error, created_at)
		select gen_random_uuid(), 'answer', id, '{ann@client.example}', 'x', gen_random_uuid()::text, now(), `
	s.fixture(t, sqlLetter+`'unknown', 2, null, now() from mailboxes; `+sqlLetter+`'failed', 0, 'no such user', now() from mailboxes; `+
		sqlLetter+`'queued', 0, 'connection refused', now() - interval '1 hour' from mailboxes;
		insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, accepted_at, last_error)
		select mailbox_id, id, 1, 0, 1, 1, now(), now() - interval '2 hours', 'it fails' from mailbox_folders;
		insert into river_job (kind, args, queue, state, max_attempts, attempt, finalized_at, errors)
		values ('sweep_inbox', '{}', 'upkeep', 'discarded', 1, 1, now(), array['{"at":"2026-11-22T12:00:00Z","attempt":1,"error":"it broke","trace":""}'::jsonb])`)
	return s.settings, quiet
}
