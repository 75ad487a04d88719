package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// private is a server certificate for 127.0.0.1 of an authority that no system knows, and that authority's file.
func private(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	card := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, card, card, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		file(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// secured puts TLS before a plain server.
func secured(t *testing.T, certificate tls.Certificate, plain string) string {
	t.Helper()
	listen, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
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
	certificate, authority := private(t)
	s.send(t, "ann@client.example", "private@desk.example", "over TLS", "", "x")
	succeed(t, s.settings, "mailbox", "add", "private@desk.example", "--imap", secured(t, certificate, s.IMAP),
		"--smtp", secured(t, certificate, s.SMTP), "--from", "all")
	out, _, status := command(t, s.settings, "mailbox", "check", "private@desk.example")
	if status != 1 || strings.Count(out, "FAIL") != 2 || !strings.Contains(out, "certificate") {
		t.Errorf("without the authority: status %d\n%s", status, out)
	}
	if _, errs, status := command(t, append(s.settings, "POSTERN_CA_FILE=/no/such"), "serve"); status != 1 || strings.Count(errs, "\n") != 1 ||
		!strings.Contains(errs, "POSTERN_CA_FILE: /no/such: no such file or directory; name a PEM file") {
		t.Errorf("a file that is not there: status %d\n%s", status, errs)
	}
	s.settings = append(s.settings, "POSTERN_CA_FILE="+authority)
	if out := succeed(t, s.settings, "mailbox", "check", "private@desk.example"); strings.Contains(out, "FAIL") {
		t.Errorf("with the authority:\n%s", out)
	}
	s.serve(t)
	s.ticket(t, "over TLS")
	s.letter(t, "ann@client.example", "over TLS")
}
