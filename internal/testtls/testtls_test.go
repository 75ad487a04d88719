package testtls_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/postern-desk/postern/internal/testtls"
)

// Tried: each of its hosts, another one, and a client that trusts another authority.
func TestCertificateIsForItsHostsAlone(t *testing.T) {
	t.Parallel()
	a, other := testtls.New(t, "127.0.0.1", "mail.example"), testtls.New(t, "127.0.0.1", "mail.example")
	pair, err := tls.X509KeyPair(a.Cert, a.Key)
	if err != nil {
		t.Fatalf("the PEM files: %v", err)
	}
	for _, c := range []struct {
		host string
		pool *x509.CertPool
		ok   bool
	}{{"127.0.0.1", a.Pool, true}, {"mail.example", a.Pool, true}, {"other.example", a.Pool, false}, {"127.0.0.1", other.Pool, false}, {"127.0.0.1", nil, false}} {
		_, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: c.host, Roots: c.pool})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.host, err)
		}
	}
}
