// Package dkim signs the letters of a domain (RFC 6376) and tells whether others can verify them: whether the
// public half of the key stands in DNS as it must.
package dkim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// keyBits: every verifier takes RSA, not every one Ed25519 (RFC 8463). RFC 8301 section 3.2 asks signers for 2,048
// bits; with 4,096 the record no longer fits what some name servers and consoles take.
const keyBits = 2048

// Key signs for one domain under one selector.
type Key struct {
	Domain   string // as in DNS: lower case, A-labels
	Selector string
	private  *rsa.PrivateKey
}

// String keeps a careless log line from telling the private half.
func (k Key) String() string { return RecordName(k.Selector, k.Domain) }

// GoString does so too.
func (k Key) GoString() string { return k.String() }

// NewKey makes a key; it takes some 100 ms.
func NewKey(domain, selector string) (Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return Key{}, fmt.Errorf("dkim: %w", err)
	}
	return Key{Domain: domain, Selector: selector, private: private}, nil
}

// OpenKey reads what [Key.PKCS8] gave.
func OpenKey(domain, selector string, pkcs8 []byte) (Key, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return Key{}, errors.New("dkim: the key cannot be read") // what it looks like is nobody's business
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return Key{}, errors.New("dkim: the key is no RSA key")
	}
	return Key{Domain: domain, Selector: selector, private: private}, nil
}

// PKCS8 is the private half, to be sealed (RFC 5208, DER).
func (k Key) PKCS8() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		panic(err) // an RSA key has this form
	}
	return der
}

// Public is the public half as the p= of its record spells it.
func (k Key) Public() string {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		panic(err) // an RSA key has this form
	}
	return base64.StdEncoding.EncodeToString(der)
}

// CheckSelector refuses what cannot stand before ._domainkey in a name (RFC 6376 section 3.1).
func CheckSelector(selector string) error {
	for label := range strings.SplitSeq(selector, ".") {
		if label == "" || len(label) > 63 || len(selector) > 100 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return errors.New("a selector is made of lower-case letters, digits and hyphens, such as desk-2026")
		}
	}
	return nil
}
