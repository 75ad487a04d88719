package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// mustBe checks the kind of an error, and that its text gives nothing away.
func mustBe(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v; want the kind %q", err, kind)
	}
	for _, secret := range []string{fakePassword, fakeUser, "@"} {
		if strings.Contains(err.Error(), secret) {
			t.Fatalf("error %q contains %q", err, secret)
		}
	}
}

func TestPlainConnectionsStayOnThisMachine(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"192.0.2.1", "mail.example.org", "localhost.example.org", "2001:db8::1", "0.0.0.0", ""} {
		begun := time.Now()
		_, err := mailbox.Dial(within(t), mailbox.Account{Host: host, Port: 143, Security: mailbox.SecurityNone}, mailbox.Timeouts{})
		mustBe(t, err, mailbox.ErrPlainRemote)
		if time.Since(begun) > time.Second {
			t.Errorf("%q: refused after %v: it was dialled first", host, time.Since(begun))
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		a := (&fake{}).start(t)
		a.Host = host
		dialAccount(t, a)
	}
}

func TestUnknownSecurity(t *testing.T) {
	t.Parallel()
	a := (&fake{}).start(t)
	a.Security = "ssl"
	if _, err := mailbox.Dial(within(t), a, quick); err == nil || !strings.Contains(err.Error(), "starttls") {
		t.Fatalf("error is %v; want one that names the valid values", err)
	}
}

func TestAccountKeepsItsSecrets(t *testing.T) {
	t.Parallel()
	a := mailbox.Account{Host: "mail.example.org", Port: 993, Security: mailbox.SecurityTLS, Username: fakeUser, Password: fakePassword}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "account", a)
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%+v %#v %s", a, a, a), log.String()} {
		if strings.Contains(text, fakePassword) || strings.Contains(text, fakeUser) || !strings.Contains(text, "mail.example.org:993") {
			t.Errorf("account is printed as %q; want host and port alone", text)
		}
	}
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	answers := map[string]struct {
		text string
		kind error
	}{
		"with code":         {"NO [AUTHENTICATIONFAILED] Authentication failed.\r\n", mailbox.ErrAuth},
		"without code":      {"NO no\r\n", mailbox.ErrAuth},
		"without text":      {"NO\r\n", mailbox.ErrAuth},
		"BAD":               {"BAD syntax\r\n", mailbox.ErrAuth},
		"repeating secrets": {"NO no user " + fakeUser + " with " + fakePassword + ", ask a@b.example\r\n", mailbox.ErrAuth},
		"for now":           {"NO [UNAVAILABLE] Temporary authentication failure.\r\n", mailbox.ErrUnavailable},
		"too many":          {"NO [LIMIT] Too many connections.\r\n", mailbox.ErrUnavailable},
	}
	for name, answer := range answers {
		for _, hangUp := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, hangs up %v", name, hangUp), func(t *testing.T) {
				t.Parallel()
				a := (&fake{replies: map[string]reply{"LOGIN": func(c *talk, tag, _ string) {
					c.send("%s %s", tag, answer.text)
					if hangUp {
						_ = c.conn.Close()
					}
				}}}).start(t)
				_, err := mailbox.Dial(within(t), a, quick)
				mustBe(t, err, answer.kind)
				if strings.HasPrefix(answer.text, "NO [") && !strings.Contains(err.Error(), answer.text[3:12]) {
					t.Errorf("error %q does not repeat the server's code", err)
				}
			})
		}
	}
}

func TestLoginDisabled(t *testing.T) {
	t.Parallel()
	f := &fake{replies: map[string]reply{
		"GREETING": func(c *talk, _, _ string) { c.send("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x\r\n") },
	}}
	_, err := mailbox.Dial(within(t), f.start(t), quick)
	mustBe(t, err, mailbox.ErrAuth)
	if slices.Contains(f.commands(), "LOGIN") {
		t.Error("the password was sent although the server has LOGINDISABLED")
	}
}

func TestLoginDisabledButAuthenticatePlain(t *testing.T) {
	t.Parallel()
	f := &fake{replies: map[string]reply{
		"GREETING": func(c *talk, _, _ string) { c.send("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN] x\r\n") },
		"AUTHENTICATE": func(c *talk, tag, args string) {
			c.send("+ \r\n")
			if answer, _ := c.line(); args != "PLAIN" || answer != "AGRlc2stdXNlcgBzM2NyZXQtaG9yc2U=" {
				c.t.Errorf("AUTHENTICATE %s got %q; want PLAIN with user and password", args, answer)
			}
			ok(c, tag, args)
		},
	}}
	dialAccount(t, f.start(t))
}

// The capabilities of after the login count, whichever way the server tells them.
func TestCapabilitiesAfterLogin(t *testing.T) {
	t.Parallel()
	a := (&fake{replies: map[string]reply{
		"GREETING": func(c *talk, _, _ string) { c.send("* OK [CAPABILITY IMAP4rev1] x\r\n") },
	}}).start(t)
	s := dialAccount(t, a)
	if _, err := s.Idle(within(t), time.Millisecond); err != nil {
		t.Fatalf("idle: %v; want the IDLE that the server offers after the login", err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	_, err = mailbox.Dial(within(t), mailbox.Account{Host: "127.0.0.1", Port: port, Security: mailbox.SecurityNone}, quick)
	mustBe(t, err, mailbox.ErrUnavailable)
}

func TestGreetings(t *testing.T) {
	t.Parallel()
	for greeting, kind := range map[string]error{
		"* BYE overloaded, come back later\r\n": mailbox.ErrServerGone,
		"":                                      mailbox.ErrServerGone,
		"220 mail.example.org ESMTP\r\n":        mailbox.ErrProtocol,
		"\x00\x01\x02\xff\xfe\r\n\r\n":          mailbox.ErrProtocol,
		strings.Repeat("A", 3<<20):              mailbox.ErrProtocol,
	} {
		t.Run(fmt.Sprintf("%.20q", greeting), func(t *testing.T) {
			t.Parallel()
			for _, security := range []mailbox.Security{mailbox.SecurityNone, mailbox.SecuritySTARTTLS} {
				a := (&fake{replies: map[string]reply{"GREETING": func(c *talk, _, _ string) {
					c.send("%s", greeting)
					if greeting == "" {
						_ = c.conn.Close()
						return
					}
					c.stall()
				}}}).start(t)
				a.Security = security
				_, err := mailbox.Dial(within(t), a, quick)
				mustBe(t, err, kind)
				if strings.Contains(greeting, "overloaded") && !strings.Contains(err.Error(), "overloaded") {
					t.Errorf("%s: error %q does not repeat the server's reason", security, err)
				}
			}
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	a := (&fake{replies: map[string]reply{"GREETING": stall}}).start(t)
	for _, security := range []mailbox.Security{mailbox.SecurityNone, mailbox.SecuritySTARTTLS, mailbox.SecurityTLS} {
		a.Security = security
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		begun := time.Now()
		_, err := mailbox.Dial(ctx, a, mailbox.Timeouts{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > patient {
			t.Errorf("%s: dial ended with %v after %v; want the context's error at once", security, err, time.Since(begun))
		}
	}
}
