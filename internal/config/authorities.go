package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// RootCAs is the system's authorities and those of CAFile; nil, which means the system's, where no file is
// set. The error is one line that names the setting.
func (s *Network) RootCAs() (*x509.CertPool, error) {
	if s.CAFile == "" {
		return nil, nil
	}
	problem := func(text string) error {
		return errors.New("POSTERN_CA_FILE: " + text + "; name a PEM file with the certificates of the authorities")
	}
	rest, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, problem(why(err, s.CAFile))
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // a system without a list of its own: then only the file's count
		pool = x509.NewCertPool()
	}
	found := 0
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		found++
		authority, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, problem(fmt.Sprintf("certificate %d of %s cannot be read", found, s.CAFile))
		}
		pool.AddCert(authority)
	}
	if found == 0 {
		return nil, problem(s.CAFile + ": there is no certificate in it")
	}
	return pool, nil
}
