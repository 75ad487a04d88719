package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/config"
)

// authority is a new private authority, as its certificate and in PEM.
func authority(t *testing.T, name string) (*x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	card := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, card, card, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestAuthoritiesAreAddedToTheSystems(t *testing.T) {
	t.Parallel()
	first, firstPEM := authority(t, "first")
	second, secondPEM := authority(t, "second")
	path := filepath.Join(t.TempDir(), "ca.pem")
	key := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	write(t, path, "# our own\n"+firstPEM+key+"\n"+secondPEM)
	pool, err := (&config.Network{CAFile: path}).RootCAs()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*x509.Certificate{first, second} {
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool}); err != nil {
			t.Errorf("%s is not trusted: %v", c.Subject, err)
		}
	}
	system, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*x509.Certificate{first, second} {
		system.AddCert(c)
	}
	if !pool.Equal(system) {
		t.Error("the pool is not the system's authorities and the file's")
	}
	if pool, err := (&config.Network{}).RootCAs(); pool != nil || err != nil {
		t.Errorf("without a file: %v, %v", pool, err)
	}
}

func TestAuthoritiesThatCannotServe(t *testing.T) {
	t.Parallel()
	_, good := authority(t, "good")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "words": "not PEM", "key": "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
		"broken second": good + "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "cut": good[:len(good)/2],
	} {
		write(t, filepath.Join(dir, name), text)
	}
	for name, want := range map[string]string{
		"empty": "no certificate", "words": "no certificate", "key": "no certificate", "cut": "no certificate",
		"broken second": "certificate 2 of", "absent": "no such file", ".": "directory",
	} {
		_, err := (&config.Network{CAFile: filepath.Join(dir, name)}).RootCAs()
		if err == nil || !strings.HasPrefix(err.Error(), "POSTERN_CA_FILE: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s gave %v, want one line with %q", name, err, want)
		}
	}
}
