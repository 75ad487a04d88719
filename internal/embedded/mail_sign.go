package embedded

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// mailSelector is the s= of every signature.
const mailSelector = "demo"

// signedFields are the header fields that a signature covers: those that RFC
// 6376 5.4.1 recommends and a reply is made from. RFC 5322 3.6 allows each once.
var signedFields = []string{
	"From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Reply-To",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding",
}

// MailSigner signs email with DKIM for any domain, with one key. Whoever believes
// MailDNS finds the signatures good; to the rest of the world they are nothing.
type MailSigner struct {
	key    *rsa.PrivateKey
	record string
}

// OpenMailSigner takes the key from dkim.key in dir, or makes it there: emails
// signed before a restart stay verifiable.
func OpenMailSigner(dir string) (*MailSigner, error) {
	key, err := openMailKey(dir)
	if err != nil {
		return nil, fmt.Errorf("embedded: DKIM key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("embedded: DKIM key: %w", err)
	}
	return &MailSigner{key: key, record: "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)}, nil
}

// Sign returns the DKIM-Signature field, with its line end, to put above an
// email from domain (as in DNS: lower case, A-labels). It reads the email once
// and does not keep it.
func (s *MailSigner) Sign(email io.Reader, domain string) (field []byte, err error) {
	signer, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: domain, Selector: mailSelector, Signer: s.key, Hash: crypto.SHA256,
		// Relaxed: servers on the way refold lines and trim their ends.
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: namedTwice(signedFields),
	})
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	_, err = io.Copy(signer, email)
	if err := errors.Join(err, signer.Close()); err != nil {
		return nil, fmt.Errorf("embedded: signing: %w", err)
	}
	return []byte(signer.Signature()), nil
}

// namedTwice stands for one field more than there can be, so that adding a
// second one breaks the signature (RFC 6376 8.15).
func namedTwice(fields []string) (names []string) {
	for _, field := range fields {
		names = append(names, field, field)
	}
	return names
}

// isSignedField takes the name in lower case.
func isSignedField(name string) bool {
	for _, field := range signedFields {
		if strings.EqualFold(field, name) {
			return true
		}
	}
	return false
}
