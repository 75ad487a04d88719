package embedded

import (
	"context"
	"errors"
	"log/slog"
)

// MailConfig says where the demo's mail server keeps its mail and listens.
type MailConfig struct {
	// Dir holds the journal; it is made if absent.
	Dir string
	// SMTPAddr and IMAPAddr are host:port; port 0 takes a free one.
	SMTPAddr, IMAPAddr string
	// Password opens every mailbox (IMAP) and authenticates every sender (SMTP AUTH).
	Password string
	// Domain is the name the server gives itself, and the domain of an IMAP
	// login without one.
	Domain string
	// Sign is called for mail handed in with SMTP AUTH, with the domain of its
	// From address, and returns the bytes to deliver instead. Nil signs nothing.
	// An error makes the client try again later.
	Sign func(raw []byte, domain string) ([]byte, error)
	// Log is told about starts, stops and failures; nil is silence.
	Log *slog.Logger
}

// Mail is a running SMTP and IMAP server for trying Postern out.
type Mail struct {
	smtpAddr, imapAddr string
}

// StartMail starts the server. ctx bounds the start alone; Stop ends the server.
func StartMail(ctx context.Context, c MailConfig) (*Mail, error) {
	return nil, errors.New("embedded: the mail server cannot start yet")
}

// SMTPAddr is the host:port where SMTP answers.
func (m *Mail) SMTPAddr() string { return m.smtpAddr }

// IMAPAddr is the host:port where IMAP answers.
func (m *Mail) IMAPAddr() string { return m.imapAddr }

// Stop lets running SMTP transactions end and closes the server.
func (m *Mail) Stop() error { return nil }
