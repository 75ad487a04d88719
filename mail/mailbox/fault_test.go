package mailbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/faultproxy"
	"github.com/postern-desk/postern/internal/testimap"
	"github.com/postern-desk/postern/mail/mailbox"
)

// through puts a fault proxy between an account and its server.
func through(t *testing.T, a mailbox.Account) (*faultproxy.Proxy, mailbox.Account) {
	t.Helper()
	proxy := faultproxy.Start(t, net.JoinHostPort(a.Host, strconv.Itoa(a.Port)))
	a.Host, a.Port = hostPort(t, proxy.Addr())
	return proxy, a
}

// readAll reads a whole INBOX; what it returns was handed on as complete.
func readAll(ctx context.Context, a mailbox.Account) (map[uint32]string, error) {
	s, err := mailbox.Dial(ctx, a, unhurried)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Open(ctx, "INBOX"); err != nil {
		return nil, err
	}
	var metas []mailbox.Meta
	if err := s.List(ctx, 1, 0, func(m mailbox.Meta) error { metas = append(metas, m); return nil }); err != nil {
		return nil, err
	}
	got, missing, err := collect(ctx, s, metas)
	if len(missing) > 0 {
		return got, fmt.Errorf("uids %v are called missing", missing)
	}
	return got, err
}

// Wherever Dovecot's bytes break off, what came is whole emails, and what did
// not come is an error.
func TestDovecotCutAnywhere(t *testing.T) {
	t.Parallel()
	server := testimap.Start(t)
	for _, security := range []mailbox.Security{mailbox.SecurityNone, mailbox.SecuritySTARTTLS} {
		t.Run(string(security), func(t *testing.T) {
			t.Parallel()
			box := dovecotInbox(t, server)
			emails := make([][]byte, 5)
			for i := range emails {
				emails[i] = fmt.Appendf(nil, "Subject: %d\r\n\r\n%s\r\n", i, bytes.Repeat([]byte("x"), i*300))
			}
			box.add(t, "INBOX", emails...)
			proxy, a := through(t, box.account)
			a.Security = security
			cuts := 0
			for left := int64(50); ; left += 150 + rand.Int64N(150) {
				proxy.Truncate(left)
				got, err := readAll(within(t), a)
				for uid, raw := range got {
					if raw != string(emails[uid-1]) {
						t.Fatalf("cut after %d bytes: uid %d has %d bytes; want %d", left, uid, len(raw), len(emails[uid-1]))
					}
				}
				if err == nil && len(got) == len(emails) {
					break
				}
				cuts++
				if err == nil || !errors.Is(err, mailbox.ErrServerGone) {
					t.Fatalf("cut after %d bytes: %d emails and the error %v; want that the server is gone", left, len(got), err)
				}
			}
			if cuts < 5 {
				t.Errorf("only %d cuts were tried", cuts)
			}
		})
	}
}

func TestDovecotFaults(t *testing.T) {
	t.Parallel()
	server := testimap.Start(t)
	for name, fault := range map[string]struct {
		do   func(*faultproxy.Proxy)
		kind error
	}{
		"falls silent": {(*faultproxy.Proxy).Pause, mailbox.ErrTimeout},
		"is cut off":   {(*faultproxy.Proxy).Cut, mailbox.ErrServerGone},
		"is reset":     {(*faultproxy.Proxy).Reset, mailbox.ErrServerGone},
	} {
		box := dovecotInbox(t, server)
		large := append([]byte("Subject: large\r\n\r\n"), bytes.Repeat([]byte("a line of text\r\n"), 1<<19)...)
		box.add(t, "INBOX", large)
		open := func(t *testing.T) (*faultproxy.Proxy, *mailbox.Session) {
			proxy, a := through(t, box.account)
			s := dialWith(t, a, unhurried)
			openBox(t, s)
			return proxy, s
		}
		t.Run(name+" in an email", func(t *testing.T) {
			t.Parallel()
			proxy, s := open(t)
			_, err := s.Fetch(within(t), listBox(t, s, 1), func(_ mailbox.Meta, body io.Reader) error {
				if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
					t.Errorf("the first bytes: %v", err)
				}
				fault.do(proxy)
				_, err := io.Copy(io.Discard, body)
				return err
			})
			mustBe(t, err, fault.kind)
			mustBe(t, err, mailbox.ErrIncomplete)
		})
		t.Run(name+" in IDLE", func(t *testing.T) {
			t.Parallel()
			proxy, s := open(t)
			time.AfterFunc(100*time.Millisecond, func() { fault.do(proxy) })
			news, err := s.Idle(within(t), 300*time.Millisecond)
			mustBe(t, err, fault.kind)
			if news {
				t.Error("the fault was taken for news")
			}
		})
		t.Run(name+" between commands", func(t *testing.T) {
			t.Parallel()
			proxy, s := open(t)
			fault.do(proxy)
			mustBe(t, s.Noop(within(t)), fault.kind)
		})
	}
}

// A slow line is no fault.
func TestDovecotSlowly(t *testing.T) {
	t.Parallel()
	box := dovecotInbox(t, testimap.Start(t))
	box.add(t, "INBOX", []byte("Subject: 1\r\n\r\na\r\n"))
	proxy, a := through(t, box.account)
	proxy.Delay(50 * time.Millisecond)
	if got, err := readAll(within(t), a); err != nil || len(got) != 1 {
		t.Fatalf("read %d emails, %v; want one", len(got), err)
	}
}

func TestDovecotStops(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*testimap.Server) error{
		"orderly": (*testimap.Server).Stop,
		"killed":  (*testimap.Server).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testimap.Start(t)
			box := dovecotInbox(t, server)
			box.add(t, "INBOX", []byte("Subject: 1\r\n\r\na\r\n"))
			idle, resting := dialWith(t, box.account, unhurried), dialWith(t, box.account, unhurried)
			before := openBox(t, idle)
			openBox(t, resting)
			stopped := make(chan error, 1)
			time.AfterFunc(100*time.Millisecond, func() { stopped <- stop(server) })
			_, err := idle.Idle(within(t), patient)
			mustBe(t, err, mailbox.ErrServerGone)
			if err := <-stopped; err != nil {
				t.Fatalf("stop Dovecot: %v", err)
			}
			mustBe(t, resting.Noop(within(t)), mailbox.ErrServerGone)
			_, err = mailbox.Dial(within(t), box.account, unhurried)
			mustBe(t, err, mailbox.ErrUnavailable)

			if err := server.Restart(); err != nil {
				t.Fatalf("start Dovecot again: %v", err)
			}
			if after := openBox(t, dialBox(t, box.account)); after != before {
				t.Errorf("the folder was %+v and is %+v after the restart", before, after)
			}
		})
	}
}

func TestDovecotChangesUIDValidity(t *testing.T) {
	t.Parallel()
	server := testimap.Start(t)
	user, password := server.NewUser("desk")
	if err := server.Append(user, "INBOX", []byte("Subject: 1\r\n\r\na\r\n"), received); err != nil {
		t.Fatal(err)
	}
	a := accountAt(t, server.Addr(), user, password)
	before := openBox(t, dialWith(t, a, unhurried))
	if err := server.WipeUIDValidity(user, "INBOX"); err != nil {
		t.Fatal(err)
	}
	if after := openBox(t, dialWith(t, a, unhurried)); after.UIDValidity == before.UIDValidity || after.Messages != 1 {
		t.Errorf("the folder was %+v and is %+v; want another UIDVALIDITY", before, after)
	}
}

// Another reader removes the emails while we are reading: each email has come
// whole or is missing.
func TestDovecotExpungedWhileFetching(t *testing.T) {
	t.Parallel()
	box := dovecotInbox(t, testimap.Start(t))
	emails := make([][]byte, 300) // more than the sockets' buffers hold
	for i := range emails {
		emails[i] = fmt.Appendf(nil, "Subject: %d\r\n\r\n%s\r\n", i, bytes.Repeat([]byte("x"), 100_000))
	}
	box.add(t, "INBOX", emails...)
	s := dialBox(t, box.account)
	openBox(t, s)
	metas := listBox(t, s, 1)
	seen := 0
	missing, err := s.Fetch(within(t), metas, func(m mailbox.Meta, body io.Reader) error {
		if seen++; seen == 10 {
			if err := box.empty(); err != nil {
				return err
			}
		}
		raw, err := io.ReadAll(body)
		if string(raw) != string(emails[m.UID-1]) {
			t.Errorf("uid %d: got %d bytes; want %d", m.UID, len(raw), len(emails[m.UID-1]))
		}
		return err
	})
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	if seen+len(missing) != len(metas) {
		t.Errorf("%d emails came and %d are missing; want %d in all", seen, len(missing), len(metas))
	}
	t.Logf("%d emails came, %d are missing", seen, len(missing))
}
