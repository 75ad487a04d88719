package main_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/postern-desk/postern/internal/testimap"
)

// relay is an SMTP server that delivers into a Dovecot. What is before the @ of the sender tells what is wrong with
// it: "nosend" it may not send as, "norelay" to no other domain, "grey" not now, "late" arrives an hour later.
type relay struct {
	imap     *testimap.Server
	password string
	limit    int64 // SIZE; 0: none is told
}

func (r *relay) start(t *testing.T) string {
	t.Helper()
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &relayed{relay: r}, nil }))
	s.AllowInsecureAuth, s.Domain, s.MaxMessageBytes = true, "relay.example", r.limit
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(listen) }()
	t.Cleanup(func() { _ = s.Close() })
	return listen.Addr().String()
}

type relayed struct {
	*relay
	kind string
	to   []string
}

func (s *relayed) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *relayed) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		if password != s.password {
			return gosmtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func refusal(code, class, subject, detail int, text string) error {
	return &gosmtp.SMTPError{Code: code, EnhancedCode: gosmtp.EnhancedCode{class, subject, detail}, Message: text}
}

func (s *relayed) Mail(from string, _ *gosmtp.MailOptions) error {
	s.to = nil
	if s.kind, _, _ = strings.Cut(from, "@"); strings.HasPrefix(s.kind, "nosend") {
		return refusal(553, 5, 7, 1, "Sender address rejected: not owned by user")
	}
	return nil
}

func (s *relayed) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	outside := !strings.HasSuffix(to, "@desk.example")
	switch {
	case outside && strings.HasPrefix(s.kind, "norelay"):
		return refusal(554, 5, 7, 1, "Relay access denied")
	case outside && strings.HasPrefix(s.kind, "grey"):
		return refusal(450, 4, 2, 0, "Greylisted")
	case strings.HasPrefix(s.kind, "notags") && strings.Contains(to, "+probe"):
		return refusal(550, 5, 1, 1, "User unknown")
	}
	s.to = append(s.to, to)
	return nil
}

func (s *relayed) Reset()        {}
func (s *relayed) Logout() error { return nil }

func (s *relayed) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	at := time.Now()
	if strings.HasPrefix(s.kind, "late") {
		at = at.Add(time.Hour)
	}
	for _, to := range s.to {
		local, domain, _ := strings.Cut(to, "@")
		local, _, _ = strings.Cut(local, "+")
		err = errors.Join(err, s.imap.Append(local+"@"+domain, "INBOX", raw, at))
	}
	return err
}
