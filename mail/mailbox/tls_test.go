package mailbox_test

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/postern-desk/postern/internal/testtls"
	"github.com/postern-desk/postern/mail/mailbox"
)

// upgrade answers STARTTLS and goes on in TLS.
func upgrade(config *tls.Config) reply {
	return func(c *talk, tag, args string) {
		ok(c, tag, args)
		c.conn = tls.Server(c.conn, config)
		c.br.Reset(c.conn)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	right := testtls.New(t, "127.0.0.1")
	other := testtls.New(t, "mail.example.org")
	for _, security := range []mailbox.Security{mailbox.SecurityTLS, mailbox.SecuritySTARTTLS} {
		start := func(t *testing.T, config *tls.Config) mailbox.Account {
			f := &fake{tls: config}
			if security == mailbox.SecuritySTARTTLS {
				f = &fake{replies: map[string]reply{"STARTTLS": upgrade(config)}}
			}
			a := f.start(t)
			a.Security = security
			return a
		}
		t.Run(string(security), func(t *testing.T) {
			t.Parallel()
			a := start(t, right.Config)
			_, err := mailbox.Dial(within(t), a, quick)
			mustBe(t, err, mailbox.ErrTLS) // the authority is unknown

			a.RootCAs = right.Pool
			s := dialAccount(t, a)
			if _, err := s.Open(within(t), "INBOX"); err != nil {
				t.Fatalf("open INBOX over %s: %v", security, err)
			}
			if got, _, err := collect(within(t), s, fakeMetas(1, 2)); err != nil || got[2] != fakeEmail(2) {
				t.Fatalf("fetch over %s: %d emails, %v", security, len(got), err)
			}

			a = start(t, other.Config)
			a.RootCAs = other.Pool
			_, err = mailbox.Dial(within(t), a, quick)
			mustBe(t, err, mailbox.ErrTLS) // the certificate is another host's
		})
	}
}

func TestTLSOnAPlainPort(t *testing.T) {
	t.Parallel()
	a := (&fake{}).start(t)
	a.Security = mailbox.SecurityTLS
	_, err := mailbox.Dial(within(t), a, quick)
	mustBe(t, err, mailbox.ErrTLS)
}

func TestTLSConnectionCutWithoutWarning(t *testing.T) {
	t.Parallel()
	private := testtls.New(t, "127.0.0.1")
	config, pool := private.Config, private.Pool
	for name, hangUp := range map[string]func(net.Conn){
		"with close_notify": func(conn net.Conn) { _ = conn.Close() },
		"without":           func(conn net.Conn) { _ = conn.(*tls.Conn).NetConn().Close() },
	} {
		a := (&fake{tls: config, replies: map[string]reply{
			"UID FETCH": func(c *talk, _, _ string) {
				c.send("* 1 FETCH (UID 1 BODY[] {%d}\r\nhalf", len(fakeEmail(1)))
				hangUp(c.conn)
			},
		}}).start(t)
		a.Security, a.RootCAs = mailbox.SecurityTLS, pool
		s := dialAccount(t, a)
		got, _, err := collect(within(t), s, fakeMetas(1))
		mustBe(t, err, mailbox.ErrIncomplete)
		mustBe(t, err, mailbox.ErrServerGone)
		if len(got) > 0 {
			t.Errorf("%s: half an email was taken for one", name)
		}
	}
}

func TestStartTLSIsDemanded(t *testing.T) {
	t.Parallel()
	private := testtls.New(t, "127.0.0.1")
	config, pool := private.Config, private.Pool
	scripts := map[string]map[string]reply{
		"not known": {},
		"refused":   {"STARTTLS": func(c *talk, tag, _ string) { c.send("%s NO not here\r\n", tag) }},
		"already logged in": {
			"GREETING": func(c *talk, _, _ string) { c.send("* PREAUTH welcome\r\n") },
			"STARTTLS": upgrade(config),
		},
		"text put in before TLS": {"STARTTLS": func(c *talk, tag, _ string) {
			c.send("%s OK go\r\n* 1 EXISTS\r\n", tag)
			c.stall()
		}},
	}
	for name, replies := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{replies: replies}
			a := f.start(t)
			a.Security, a.RootCAs = mailbox.SecuritySTARTTLS, pool
			_, err := mailbox.Dial(within(t), a, quick)
			mustBe(t, err, mailbox.ErrTLS)
			for _, command := range f.commands() {
				if command != "STARTTLS" {
					t.Errorf("%s was sent in plain text", command)
				}
			}
		})
	}
}
