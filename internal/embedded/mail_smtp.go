package embedded

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const (
	mailMaxBytes      = 64 << 20
	mailMaxRecipients = 100
	// mailMaxLine is far above the 1,000 octets of RFC 5321 4.5.3.1.6: real
	// mail comes with whole HTML pages on one line.
	mailMaxLine = 1 << 20
	// mailSMTPTimeout covers a whole DATA phase, for go-smtp sets the deadline
	// once a command. RFC 5321 4.5.3.2.7 asks for five minutes at least.
	mailSMTPTimeout = 10 * time.Minute
)

// Local parts that begin so are refused, to see what a sender makes of it.
const (
	refusePrefix = "refuse-" // 550 5.1.1: no such mailbox
	laterPrefix  = "later-"  // 451 4.3.0: try again later
)

var (
	errNoMailbox  = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"}
	errTryLater   = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Try again later"}
	errBadAddress = &smtp.SMTPError{Code: 501, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "Bad address syntax"}
	errAborted    = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "The message did not arrive whole"}
)

func newSMTPServer(c MailConfig, store *mailStore) *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(conn *smtp.Conn) (smtp.Session, error) {
		return &smtpSession{conn: conn, config: c, store: store}, nil
	}))
	s.Domain = c.Domain
	s.MaxMessageBytes = mailMaxBytes
	s.MaxRecipients = mailMaxRecipients
	s.MaxLineLength = mailMaxLine
	s.ReadTimeout = mailSMTPTimeout
	s.WriteTimeout = time.Minute
	s.AllowInsecureAuth = true // a demo on loopback has no certificate
	s.EnableSMTPUTF8 = true
	s.ErrorLog = mailServerLog{log: c.Log, protocol: "smtp"}
	return s
}

// smtpSession is one connection. Its fields are guarded because BDAT runs Data
// on a goroutine of its own while commands go on.
type smtpSession struct {
	conn   *smtp.Conn
	config MailConfig
	store  *mailStore

	mu            sync.Mutex
	authenticated bool
	utf8          bool
	sender        string
	recipients    []string
}

var _ smtp.AuthSession = (*smtpSession)(nil)

func (s *smtpSession) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

func (s *smtpSession) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(_, username, password string) error {
			return s.authenticate(username, password)
		}), nil
	case sasl.Login:
		return &loginServer{authenticate: s.authenticate}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *smtpSession) authenticate(username, password string) error {
	right := subtle.ConstantTimeCompare([]byte(password), []byte(s.config.Password)) == 1
	if !right || username == "" {
		return smtp.ErrAuthFailed
	}
	s.mu.Lock()
	s.authenticated = true
	s.mu.Unlock()
	return nil
}

func (s *smtpSession) Mail(from string, opts *smtp.MailOptions) error {
	if !cleanAddress(from) {
		return errBadAddress
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sender, s.utf8, s.recipients = from, opts.UTF8, nil
	return nil
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	local, _ := splitAddress(strings.ToLower(to))
	switch {
	case !cleanAddress(to):
		return errBadAddress
	case strings.HasPrefix(local, refusePrefix):
		return errNoMailbox
	case strings.HasPrefix(local, laterPrefix):
		return errTryLater
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	same := func(other string) bool { return strings.EqualFold(other, to) }
	if !slices.ContainsFunc(s.recipients, same) {
		s.recipients = append(s.recipients, to)
	}
	return nil
}

func (s *smtpSession) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sender, s.utf8, s.recipients = "", false, nil
}

func (s *smtpSession) Logout() error { return nil }

// Data returns nil, which the client sees as 250, only when the email is on
// the disk for every recipient.
func (s *smtpSession) Data(r io.Reader) error {
	trace, recipients, authenticated := s.envelope()
	email, err := readMailBody(r)
	if tooBig := (*smtp.SMTPError)(nil); errors.As(err, &tooBig) {
		return tooBig
	}
	if err != nil || len(recipients) == 0 {
		return errAborted
	}
	field, err := s.sign(email, authenticated)
	if err != nil {
		s.config.Log.Error("signing failed, the client is to try again", "bytes", email.size(), "error", err)
		return errTryLater
	}
	d := mailDelivery{body: append(mailBody{field}, email...), authenticated: authenticated}
	for _, to := range recipients {
		d.owners = append(d.owners, mailboxOf(to, s.config.Domain))
		d.heads = append(d.heads, trace.header(to))
	}
	if err := s.store.deliver(d); err != nil {
		s.config.Log.Error("an email was not stored, the client is to try again", "bytes", email.size(), "error", err)
		return errTryLater
	}
	return nil
}

func (s *smtpSession) envelope() (t mailTrace, recipients []string, authenticated bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t = newMailTrace(s.sender)
	t.client, t.server = s.conn.Hostname(), s.config.Domain
	t.ip = remoteIP(s.conn.Conn())
	t.with = withProtocol(s.utf8, s.authenticated)
	return t, s.recipients, s.authenticated
}

// sign returns the field to put above the email, or nothing.
func (s *smtpSession) sign(email mailBody, authenticated bool) (field []byte, err error) {
	if s.config.Sign == nil || !authenticated {
		return nil, nil
	}
	domain := signingDomain(email.reader())
	if domain == "" {
		return nil, nil
	}
	return s.config.Sign(email.reader(), domain)
}

func remoteIP(c net.Conn) string {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return "unknown"
	}
	return host
}

// loginServer is the LOGIN mechanism, which old clients still use: two
// questions, two answers (draft-murchison-sasl-login-00).
type loginServer struct {
	asked        int
	username     string
	authenticate func(username, password string) error
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	// The username may come along with the command.
	if l.asked == 0 && response != nil {
		l.asked = 1
	}
	l.asked++
	switch l.asked {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.username = string(response)
		return []byte("Password:"), false, nil
	case 3:
		return nil, true, l.authenticate(l.username, string(response))
	}
	return nil, false, sasl.ErrUnexpectedClientResponse
}

// mailServerLog keeps the libraries' logging, which names hosts and quotes
// commands, to what an operator of the demo needs: that something broke.
type mailServerLog struct {
	log      *slog.Logger
	protocol string
}

func (l mailServerLog) Printf(format string, args ...any) {
	if strings.Contains(format, "panic") {
		l.log.Error("mail server: a connection ended in a panic", "protocol", l.protocol, "stack", lastString(args))
		return
	}
	l.log.Debug("mail server: a connection failed", "protocol", l.protocol, "what", format)
}

func (l mailServerLog) Println(...any) {
	l.log.Debug("mail server: a connection failed", "protocol", l.protocol)
}

// lastString is where both libraries put the stack.
func lastString(args []any) string {
	if len(args) == 0 {
		return ""
	}
	switch last := args[len(args)-1].(type) {
	case string:
		return last
	case []byte:
		return string(bytes.TrimSpace(last))
	}
	return ""
}
