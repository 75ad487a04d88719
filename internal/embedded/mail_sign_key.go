package embedded

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	mailKeyName = "dkim.key"
	// mailKeyBits: every verifier takes RSA, not every one Ed25519 (RFC 8463);
	// RFC 8301 3.2 asks signers for 2,048 bits.
	mailKeyBits = 2048
	mailKeyType = "PRIVATE KEY" // PKCS #8, RFC 7468 10
)

func openMailKey(dir string) (*rsa.PrivateKey, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, mailKeyName)
	key, err := readMailKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := makeMailKey(path); err != nil {
		return nil, err
	}
	return readMailKey(path)
}

func readMailKey(path string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != mailKeyType {
		return nil, damagedMailKey(path, errors.New("no private key in PEM"))
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, damagedMailKey(path, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < mailKeyBits {
		return nil, damagedMailKey(path, fmt.Errorf("no RSA key of %d bits", mailKeyBits))
	}
	return key, nil
}

func damagedMailKey(path string, why error) error {
	return fmt.Errorf("%s: %w; remove the file for a new key (what the old one signed is then no longer verifiable)", path, why)
}

// makeMailKey puts a whole key at path, and leaves one alone that is there by now.
func makeMailKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, mailKeyBits)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), mailKeyName+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	err = pem.Encode(draft, &pem.Block{Type: mailKeyType, Bytes: der})
	if err := errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
