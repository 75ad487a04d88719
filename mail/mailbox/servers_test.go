package mailbox_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"io/fs"
	"log"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/postern-desk/postern/internal/testimap"
	"github.com/postern-desk/postern/internal/testtls"
	"github.com/postern-desk/postern/mail/mailbox"
)

// inbox is one user's INBOX on a real server.
type inbox struct {
	account mailbox.Account                                   // without TLS
	tlsPort int                                               // 0: only STARTTLS, on the same port
	add     func(t testing.TB, folder string, raws ...[]byte) // from any goroutine
	empty   func() error
	// sent is what the server makes of an email's bytes.
	sent func([]byte) []byte
}

// received is the date that every email is given.
var received = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// servers are the two implementations that the contract is tried against; each
// call of a starter makes a user of its own.
func servers(t *testing.T) map[string]func(t *testing.T) inbox {
	dovecot := testimap.Start(t)
	return map[string]func(t *testing.T) inbox{
		"dovecot":   func(t *testing.T) inbox { return dovecotInbox(t, dovecot) },
		"memserver": memInbox,
	}
}

func accountAt(t testing.TB, addr, user, password string) mailbox.Account {
	t.Helper()
	host, port := hostPort(t, addr)
	return mailbox.Account{Host: host, Port: port, Security: mailbox.SecurityNone, Username: user, Password: password}
}

func hostPort(t testing.TB, addr string) (string, int) {
	t.Helper()
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatalf("address %q: %v", addr, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("address %q: %v", addr, err)
	}
	return host, port
}

func dovecotInbox(t testing.TB, server *testimap.Server) inbox {
	t.Helper()
	user, password := server.NewUser("desk")
	box := inbox{
		account: accountAt(t, server.Addr(), user, password),
		add: func(t testing.TB, folder string, raws ...[]byte) {
			t.Helper()
			if err := server.AppendMany(user, folder, raws, received); err != nil {
				t.Errorf("append: %v", err)
			}
		},
		empty: func() error { return server.Empty(user, "INBOX") },
		sent:  canonical,
	}
	box.account.RootCAs = server.CertPool()
	_, box.tlsPort = hostPort(t, server.TLSAddr())
	return box
}

var (
	lineEnds = regexp.MustCompile(`\r*\n`)
	lastCR   = regexp.MustCompile(`\r$`)
)

// canonical has what IMAP demands of a text: lines end in CRLF, there is no NUL.
func canonical(raw []byte) []byte {
	raw = lastCR.ReplaceAll(lineEnds.ReplaceAll(raw, []byte("\r\n")), nil)
	return bytes.ReplaceAll(raw, []byte{0}, []byte{0x80})
}

// rewritten is what the memory server sends: the header written anew, and
// nothing of an email whose header it cannot read. It lists the size of the
// original.
func rewritten(raw []byte) []byte {
	return imapserver.ExtractBodySection(bytes.NewReader(raw), &imap.FetchItemBodySection{})
}

func memInbox(t *testing.T) inbox {
	t.Helper()
	user := imapmemserver.NewUser(fakeUser, fakePassword)
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatalf("create INBOX: %v", err)
	}
	users := imapmemserver.New()
	users.AddUser(user)
	private := testtls.New(t, "127.0.0.1")
	config, pool := private.Config, private.Pool
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return users.NewSession(), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIdle: {}, imap.CapUIDPlus: {}},
		TLSConfig:    config,
		InsecureAuth: true,
		Logger:       log.New(io.Discard, "", 0),
	})
	plain, secure := listen(t), listen(t)
	go func() { _ = server.Serve(plain) }()
	go func() { _ = server.Serve(tls.NewListener(secure, config)) }()
	t.Cleanup(func() { _ = server.Close() })

	box := inbox{
		account: accountAt(t, plain.Addr().String(), fakeUser, fakePassword),
		add: func(t testing.TB, folder string, raws ...[]byte) {
			t.Helper()
			_ = user.Create(folder, nil) // it may exist
			for _, raw := range raws {
				literal := sizedReader{bytes.NewReader(raw)}
				if _, err := user.Append(folder, literal, &imap.AppendOptions{Time: received}); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		},
		empty: func() error { return expungeAll(user) },
		sent:  rewritten,
	}
	box.account.RootCAs = pool
	box.tlsPort = secure.Addr().(*net.TCPAddr).Port
	return box
}

type sizedReader struct{ *bytes.Reader }

func (r sizedReader) Size() int64 { return r.Reader.Size() }

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	return listener
}

func expungeAll(user *imapmemserver.User) error {
	session := imapmemserver.NewUserSession(user)
	if _, err := session.Select("INBOX", nil); err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	var all imap.SeqSet
	all.AddRange(1, 0)
	deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
	if err := session.Store(nil, all, deleted, nil); err != nil {
		return err
	}
	return session.Expunge(nil, nil)
}

// corpus reads every whole email of the shared corpora.
func corpus(t testing.TB) [][]byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above this test")
		}
		dir = filepath.Dir(dir)
	}
	var emails [][]byte
	root := filepath.Join(dir, "..", "shared", "corpus")
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".eml") {
			return err
		}
		raw, err := os.ReadFile(path)
		emails = append(emails, raw)
		return err
	})
	if err != nil {
		t.Fatalf("read the corpus: %v", err)
	}
	if len(emails) < 500 {
		t.Fatalf("the corpus at %s has %d emails; at least 500 are expected", root, len(emails))
	}
	return emails
}
