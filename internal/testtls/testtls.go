// Package testtls makes certificates that no system knows, for tests of servers with TLS.
package testtls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"
)

// Authority is a certificate that vouches for itself, and its key.
type Authority struct {
	Config *tls.Config    // of a server
	Pool   *x509.CertPool // trusts it, and nothing else
	Cert   []byte         // PEM
	Key    []byte         // PEM, PKCS #8
}

// New is Make for a test; it lasts an hour.
func New(t testing.TB, hosts ...string) *Authority {
	t.Helper()
	a, err := Make(time.Hour, hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Make makes a certificate for host names and addresses, in force since an hour ago and for as long from now on.
func Make(lifetime time.Duration, hosts ...string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("testtls: make a key: %w", err)
	}
	card := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			card.IPAddresses = append(card.IPAddresses, ip)
		} else {
			card.DNSNames = append(card.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, card, card, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("testtls: make a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("testtls: write the key: %w", err)
	}
	a := &Authority{Config: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, Pool: x509.NewCertPool(),
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})}
	a.Pool.AppendCertsFromPEM(a.Cert)
	return a, nil
}
