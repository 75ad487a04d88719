package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-smtp"
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
	// From address, and returns a whole header field to put above it: see
	// MailSigner. Mail whose From is missing or not one address is left alone.
	// Nil signs nothing. An error makes the client try again later.
	Sign func(email io.Reader, domain string) (field []byte, err error)
	// Log is told about starts, stops and failures; nil is silence.
	Log *slog.Logger
}

// Mail is a running SMTP and IMAP server for trying Postern out. It keeps a
// mailbox for every address that anything is sent to, and hands mail to nobody:
// whoever wants it reads it by IMAP.
//
// SMTP answers 250 once the email is on the disk. The part of an address before
// "+" names the mailbox, without regard to case; each distinct recipient gets a
// copy. Emails have at most 64 MiB, 100 recipients and lines of 1 MiB. Local
// parts that begin with "refuse-" get 550 5.1.1, with "later-" 451 4.3.0. SMTP
// AUTH is optional.
//
// IMAP takes the address and the password. UIDs, UIDVALIDITY, flags and folders
// outlive the process, however it ends. Bodies stay in the file: memory holds
// about 200 bytes a message, and the emails that are being sent.
type Mail struct {
	store      *mailStore
	smtp       *smtp.Server
	imap       *imapserver.Server
	smtpListen *mailListener
	imapListen *mailListener
	log        *slog.Logger
	serving    sync.WaitGroup
	stopOnce   sync.Once
	stopErr    error
}

// mailStopGrace is how long Stop waits for SMTP clients to finish.
const mailStopGrace = time.Second

// StartMail replays the journal in c.Dir and starts the server. ctx bounds the
// start alone; Stop ends the server.
func StartMail(ctx context.Context, c MailConfig) (*Mail, error) {
	if c.Dir == "" || c.Password == "" || c.Domain == "" {
		return nil, errors.New("embedded: the mail server needs a directory, a password and a domain")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	store, err := openMailStore(c.Dir, c.Log)
	if err != nil {
		return nil, err
	}
	m := &Mail{store: store, log: c.Log}
	if err := m.listen(c); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if err := ctx.Err(); err != nil {
		m.smtpListen.closeAll()
		m.imapListen.closeAll()
		return nil, errors.Join(err, store.Close())
	}
	m.smtp, m.imap = newSMTPServer(c, store), newIMAPServer(c, store)
	m.serving.Go(func() { m.serve("smtp", m.smtp.Serve(m.smtpListen)) })
	m.serving.Go(func() { m.serve("imap", m.imap.Serve(m.imapListen)) })
	return m, nil
}

// MailListenError says that the server cannot listen at the Addr that MailConfig
// gives for the Protocol, SMTP or IMAP.
type MailListenError struct {
	Protocol, Addr string
	Err            error
}

func (e *MailListenError) Error() string { return "embedded: " + e.Protocol + ": " + e.Err.Error() }

func (e *MailListenError) Unwrap() error { return e.Err }

func (m *Mail) listen(c MailConfig) (err error) {
	if m.smtpListen, err = listenMail(c.SMTPAddr); err != nil {
		return &MailListenError{Protocol: "SMTP", Addr: c.SMTPAddr, Err: err}
	}
	m.smtpListen.abruptEOF = true
	if m.imapListen, err = listenMail(c.IMAPAddr); err != nil {
		m.smtpListen.closeAll()
		return &MailListenError{Protocol: "IMAP", Addr: c.IMAPAddr, Err: err}
	}
	return nil
}

func (m *Mail) serve(protocol string, err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		m.log.Error("mail server: no longer accepting connections", "protocol", protocol, "error", err)
	}
}

// SMTPAddr is the host:port where SMTP answers.
func (m *Mail) SMTPAddr() string { return m.smtpListen.Addr().String() }

// IMAPAddr is the host:port where IMAP answers.
func (m *Mail) IMAPAddr() string { return m.imapListen.Addr().String() }

// Stop gives SMTP clients a second to end their transactions, closes every
// connection and the journal. What was answered 250 is kept; further calls do
// nothing.
func (m *Mail) Stop() error {
	m.stopOnce.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), mailStopGrace)
		defer cancel()
		if err := m.smtp.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			m.stopErr = fmt.Errorf("embedded: stopping SMTP: %w", err)
		}
		m.smtpListen.closeAll()
		if err := m.imap.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			m.stopErr = errors.Join(m.stopErr, fmt.Errorf("embedded: stopping IMAP: %w", err))
		}
		m.imapListen.closeAll()
		m.serving.Wait()
		m.stopErr = errors.Join(m.stopErr, m.store.Close())
	})
	return m.stopErr
}
