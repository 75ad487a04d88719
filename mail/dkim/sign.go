package dkim

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-msgauth/dkim"
)

// signedFields are the header fields that a signature covers: those that RFC 6376 section 5.4.1 recommends and a
// letter has. RFC 5322 section 3.6 allows each once.
var signedFields = []string{
	"From", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Reply-To",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Auto-Submitted",
}

// Sign returns the DKIM-Signature field, with its line end, to put above the letter. The letter has CRLF line
// ends; it costs a millisecond and a little for each MiB.
func (k Key) Sign(letter []byte) (field []byte, err error) {
	signer, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: k.Domain, Selector: k.Selector, Signer: k.private, Hash: crypto.SHA256,
		// Relaxed: servers on the way refold lines and trim their ends.
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: namedTwice(),
	})
	if err != nil {
		return nil, fmt.Errorf("dkim: %w", err)
	}
	_, err = io.Copy(signer, bytes.NewReader(letter))
	if err := errors.Join(err, signer.Close()); err != nil {
		return nil, fmt.Errorf("dkim: signing: %w", err)
	}
	return []byte(signer.Signature()), nil
}

// namedTwice names each field once more than it stands there, so that a second From or Subject, which readers may
// show in the place of the first, breaks the signature (RFC 6376 section 8.15). Reply-To, Cc and the others are
// named even where a letter has none: added, they would lead answers elsewhere.
func namedTwice() (names []string) {
	for _, field := range signedFields {
		names = append(names, field, field)
	}
	return names
}
