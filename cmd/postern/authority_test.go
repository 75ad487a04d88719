package main_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/testtls"
)

// secured puts TLS before a plain server.
func secured(t *testing.T, config *tls.Config, plain string) string {
	t.Helper()
	listen, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listen.Close() })
	go func() {
		for {
			outer, err := listen.Accept()
			if err != nil {
				return
			}
			inner, err := net.Dial("tcp", plain)
			if err != nil {
				outer.Close()
				continue
			}
			go func() { _, _ = io.Copy(inner, outer); inner.Close() }()
			go func() { _, _ = io.Copy(outer, inner); outer.Close() }()
		}
	}()
	return listen.Addr().String()
}

// Tried: a mailbox whose IMAP and SMTP servers have certificates of a private authority, without the authority
// and with it: by `mailbox check`, and by the desk, for which email becomes a ticket and a letter leaves.
func TestPrivateAuthorityIsTrustedWhereItIsNamed(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	private := testtls.New(t, "127.0.0.1")
	s.send(t, "ann@client.example", "private@desk.example", "over TLS", "", "x")
	succeed(t, s.settings, "mailbox", "add", "private@desk.example", "--imap", secured(t, private.Config, s.IMAP),
		"--smtp", secured(t, private.Config, s.SMTP), "--from", "all")
	out, _, status := command(t, s.settings, "mailbox", "check", "private@desk.example")
	if status != 1 || strings.Count(out, "FAIL") != 2 || !strings.Contains(out, "certificate") {
		t.Errorf("without the authority: status %d\n%s", status, out)
	}
	if _, errs, status := command(t, append(s.settings, "POSTERN_CA_FILE=/no/such"), "serve"); status != 1 || strings.Count(errs, "\n") != 1 ||
		!strings.Contains(errs, "POSTERN_CA_FILE: /no/such: no such file or directory; name a PEM file") {
		t.Errorf("a file that is not there: status %d\n%s", status, errs)
	}
	s.settings = append(s.settings, "POSTERN_CA_FILE="+file(t, "ca.pem", string(private.Cert)))
	if out := succeed(t, s.settings, "mailbox", "check", "private@desk.example"); strings.Contains(out, "FAIL") {
		t.Errorf("with the authority:\n%s", out)
	}
	s.serve(t)
	s.ticket(t, "over TLS")
	s.letter(t, "ann@client.example", "over TLS")
}
