package testimap

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

var someDay = time.Date(2024, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))

func email(n int) []byte {
	return fmt.Appendf(nil, "From: a@example.com\r\nSubject: %d\r\n\r\nbody {5}\r\n\xff of %d\r\n", n, n)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type dialer func(address string, options *imapclient.Options) (*imapclient.Client, error)

func login(t testing.TB, dial dialer, addr, user, password string, pool *Server) (*imapclient.Client, error) {
	t.Helper()
	c, err := dial(addr, &imapclient.Options{TLSConfig: &tls.Config{RootCAs: pool.CertPool(), ServerName: "localhost"}})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { c.Close() })
	return c, c.Login(user, password).Wait()
}

// fetched is what a client finds in a folder.
type fetched struct {
	uids  []imap.UID
	raws  [][]byte
	dates []time.Time
}

func fetchAll(t testing.TB, s *Server, user, folder string) fetched {
	t.Helper()
	c, err := login(t, imapclient.DialInsecure, s.Addr(), user, s.password, s)
	must(t, err)
	_, err = c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	must(t, err)
	all, err := c.Fetch(imap.UIDSet{imap.UIDRange{Start: 1}}, &imap.FetchOptions{
		UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect()
	must(t, err)
	var f fetched
	for _, m := range all {
		f.uids = append(f.uids, m.UID)
		f.raws = append(f.raws, m.FindBodySection(&imap.FetchItemBodySection{Peek: true}))
		f.dates = append(f.dates, m.InternalDate)
	}
	return f
}

// Tried: another IMAP client over plain, STARTTLS and TLS reads back the appended bytes and date.
func TestServesOverPlainStartTLSAndTLS(t *testing.T) {
	t.Parallel()
	s := Start(t)
	user, password := s.NewUser("Anna")
	must(t, s.Append(user, "INBOX", email(1), someDay))
	for name, way := range map[string]struct {
		dial dialer
		addr string
	}{
		"plain":    {imapclient.DialInsecure, s.Addr()},
		"starttls": {imapclient.DialStartTLS, s.Addr()},
		"tls":      {imapclient.DialTLS, s.TLSAddr()},
	} {
		c, err := login(t, way.dial, way.addr, user, password, s)
		if err != nil {
			t.Errorf("%s: log in: %v", name, err)
			continue
		}
		if data, err := c.Select("INBOX", nil).Wait(); err != nil || data.NumMessages != 1 {
			t.Errorf("%s: select: %v, %+v; want one email", name, err, data)
		}
		if _, err := login(t, way.dial, way.addr, user, "wrong", s); err == nil {
			t.Errorf("%s: a wrong password was taken", name)
		}
	}
	got := fetchAll(t, s, user, "INBOX")
	if !bytes.Equal(got.raws[0], email(1)) {
		t.Errorf("read back %q, want %q", got.raws[0], email(1))
	}
	if !got.dates[0].Equal(someDay) {
		t.Errorf("internal date %v, want %v", got.dates[0], someDay)
	}
	if other, _ := s.NewUser("Anna"); other == user {
		t.Errorf("two users share the name %s", user)
	}
}

func TestAppendManyKeepsOrderAndIsFast(t *testing.T) {
	t.Parallel()
	s := Start(t)
	user, _ := s.NewUser("bulk")
	const n = 5000
	raws := make([][]byte, n)
	for i := range raws {
		raws[i] = append(email(i), bytes.Repeat([]byte("x"), 4000)...)
	}
	began := time.Now()
	must(t, s.AppendMany(user, "Bulk/In", raws, someDay))
	took := time.Since(began)
	t.Logf("%d emails of 4 KB in %v", n, took)
	if took > 15*time.Second {
		t.Errorf("appending %d emails took %v", n, took)
	}
	got := fetchAll(t, s, user, "Bulk/In")
	if len(got.raws) != n {
		t.Fatalf("%d emails arrived, want %d", len(got.raws), n)
	}
	for i, raw := range got.raws {
		if !bytes.Equal(raw, raws[i]) || got.uids[i] != imap.UID(i+1) {
			t.Fatalf("email %d has UID %d or other bytes", i, got.uids[i])
		}
	}
}

func TestAppendSaysWhatTheServerRefuses(t *testing.T) {
	t.Parallel()
	s := Start(t)
	user, _ := s.NewUser("anna")
	err := s.Append(user, `../up "quoted" \ folder`, email(1), someDay)
	if err == nil || !strings.Contains(err.Error(), "NO") {
		t.Errorf("a folder above the mail home: %v, want the server's refusal", err)
	}
}

// Tried: what each fault does to UIDVALIDITY, UIDNEXT and the emails, with a session held open.
func TestFaultsOfAFolder(t *testing.T) {
	t.Parallel()
	s := Start(t)
	user, password := s.NewUser("faulty")
	must(t, s.AppendMany(user, "INBOX", [][]byte{email(1), email(2), email(3)}, someDay))
	open, err := login(t, imapclient.DialInsecure, s.Addr(), user, password, s)
	must(t, err)
	_, err = open.Select("INBOX", nil).Wait()
	must(t, err)

	before := status(t, s, user, "INBOX")
	must(t, s.WipeUIDValidity(user, "INBOX"))
	wiped := status(t, s, user, "INBOX")
	if wiped.validity <= before.validity || wiped.messages != 3 {
		t.Errorf("wiped: %+v, was %+v: want a higher UIDVALIDITY and the same emails", wiped, before)
	}
	if got := fetchAll(t, s, user, "INBOX"); !bytes.Equal(got.raws[2], email(3)) {
		t.Errorf("wiped: the third email is %q", got.raws[2])
	}

	snap, err := s.Snapshot(user)
	must(t, err)
	must(t, s.AppendMany(user, "INBOX", [][]byte{email(4), email(5)}, someDay))
	for range 2 { // a snapshot serves again
		must(t, s.Restore(snap))
		if got := status(t, s, user, "INBOX"); got != wiped {
			t.Errorf("restored: %+v, want %+v", got, wiped)
		}
	}
	must(t, s.Append(user, "INBOX", email(6), someDay))
	got := fetchAll(t, s, user, "INBOX")
	if last := len(got.uids) - 1; got.uids[last] != 4 || !bytes.Equal(got.raws[last], email(6)) {
		t.Errorf("after a restore UID 4 must name another email: %v", got.uids)
	}

	must(t, s.Empty(user, "INBOX"))
	if got := status(t, s, user, "INBOX"); got.messages != 0 || got.next != 5 || got.validity != wiped.validity {
		t.Errorf("emptied: %+v, want no email, UIDNEXT 5 and UIDVALIDITY %d", got, wiped.validity)
	}
	must(t, s.Empty(user, "INBOX")) // an empty one too

	must(t, s.Append(user, "Old", email(7), someDay))
	old := status(t, s, user, "Old")
	must(t, s.RenameFolder(user, "Old", "New"))
	if got := status(t, s, user, "New"); got != old {
		t.Errorf("renamed: %+v, want %+v", got, old)
	}
	if _, _, _, err := s.Status(user, "Old"); err == nil {
		t.Error("renamed: the old name still answers")
	}
}

func TestRestoreOfOneUserLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	s := Start(t)
	one, password := s.NewUser("one")
	two, _ := s.NewUser("two")
	snap, err := s.Snapshot(one)
	must(t, err)
	c, err := login(t, imapclient.DialInsecure, s.Addr(), two, password, s)
	must(t, err)
	must(t, s.Restore(snap))
	if err := c.Noop().Wait(); err != nil {
		t.Errorf("the session of another user was cut off: %v", err)
	}
}

// Tried: an orderly restart and SIGKILL, each followed by the same port with the same mail.
func TestStopKillAndRestart(t *testing.T) {
	t.Parallel()
	s := Start(t)
	user, _ := s.NewUser("anna")
	must(t, s.Append(user, "INBOX", email(1), someDay))
	before := status(t, s, user, "INBOX")
	addr := s.Addr()
	for name, end := range map[string]func() error{"stop": s.Stop, "kill": s.Kill} {
		must(t, end())
		if !refused(addr) {
			t.Errorf("%s: the port still answers", name)
		}
		must(t, end()) // nothing to end: no error
		must(t, s.Restart())
		if s.Addr() != addr {
			t.Errorf("%s: the address is %s, was %s", name, s.Addr(), addr)
		}
		if got := status(t, s, user, "INBOX"); got != before {
			t.Errorf("%s: %+v, want %+v", name, got, before)
		}
	}
	must(t, s.Restart()) // while it runs
	if got := status(t, s, user, "INBOX"); got != before {
		t.Errorf("restarted: %+v, want %+v", got, before)
	}
}

func TestTwoServersAtOnce(t *testing.T) {
	t.Parallel()
	one, two := Start(t), Start(t)
	if one.Addr() == two.Addr() || one.TLSAddr() == two.TLSAddr() {
		t.Error("two servers share a port")
	}
}

func TestSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	_, err := findPrograms(context.Background(), "/nonexistent/dovecot")
	if !errors.Is(err, ErrNoDovecot) || !strings.Contains(err.Error(), "apt-get install dovecot-imapd") {
		t.Errorf("no dovecot: %v", err)
	}
	newer := filepath.Join(t.TempDir(), "dovecot")
	must(t, os.WriteFile(newer, []byte("#!/bin/sh\necho 2.4.1\n"), 0o755))
	_, err = findPrograms(context.Background(), newer)
	if !errors.Is(err, ErrNoDovecot) || !strings.Contains(err.Error(), "2.4.1") {
		t.Errorf("dovecot 2.4: %v, want the version named", err)
	}
}

type folderStatus struct{ validity, next, messages uint32 }

func status(t testing.TB, s *Server, user, folder string) folderStatus {
	t.Helper()
	validity, next, messages, err := s.Status(user, folder)
	must(t, err)
	return folderStatus{validity, next, messages}
}
