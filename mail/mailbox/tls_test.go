package mailbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// selfSigned makes a certificate for this host name or address.
func selfSigned(t *testing.T, host string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("parse the certificate: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

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
	right, rightPool := selfSigned(t, "127.0.0.1")
	other, otherPool := selfSigned(t, "mail.example.org")
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
			a := start(t, right)
			_, err := mailbox.Dial(within(t), a, quick)
			mustBe(t, err, mailbox.ErrTLS) // the authority is unknown

			a.RootCAs = rightPool
			s := dialAccount(t, a)
			if _, err := s.Open(within(t), "INBOX"); err != nil {
				t.Fatalf("open INBOX over %s: %v", security, err)
			}
			if got, _, err := collect(within(t), s, fakeMetas(1, 2)); err != nil || got[2] != fakeEmail(2) {
				t.Fatalf("fetch over %s: %d emails, %v", security, len(got), err)
			}

			a = start(t, other)
			a.RootCAs = otherPool
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
	config, pool := selfSigned(t, "127.0.0.1")
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
	config, pool := selfSigned(t, "127.0.0.1")
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
