package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/postern-desk/postern/mail/oauth"
)

// Reasons of ours why no session came about.
var (
	ErrPlainRemote = errors.New("an unprotected connection is allowed to loopback only")
	ErrNoStartTLS  = errors.New("the server does not offer STARTTLS, which the account demands")
	ErrNoAuth      = errors.New("the server offers no login that we know (PLAIN, LOGIN)")
	ErrNoToken     = errors.New("the server offers no login with OAuth2 (OAUTHBEARER, XOAUTH2)")
	ErrSecurity    = errors.New("unknown security setting")
)

// session is a connection that is greeted, protected and logged in. Greeting,
// STARTTLS and AUTH are go-mail's; the mail transaction is ours (transaction.go),
// because go-mail's does not tell a lost letter from a lost reply.
type session struct {
	*smtp.Client
	wire     *wire
	timeouts Timeouts
	dirty    bool        // a transaction was left open: RSET first
	broken   bool        // no longer in step with the server
	ahead    int         // commands that were sent and whose replies were not read yet
	expiry   *time.Timer // while the pool keeps it
	out      *bufio.Writer
}

// open connects and logs in.
func open(ctx context.Context, a Account, t Timeouts) (*session, *Failure) {
	if a.Security != SecurityTLS && a.Security != SecurityStartTLS && a.Security != SecurityNone {
		return nil, failed(StageConnect, ErrSecurity)
	}
	d := net.Dialer{Timeout: t.Connect}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(a.Host, strconv.Itoa(a.Port)))
	if err != nil {
		return nil, failed(StageConnect, err)
	}
	s := &session{wire: &wire{Conn: conn, grace: t.Grace}, timeouts: t}
	stop := s.wire.watch(ctx)
	f := s.begin(a)
	stop()
	if f != nil {
		if ctx.Err() != nil && f.Code == 0 {
			f = failed(f.Stage, context.Cause(ctx))
		}
		_ = conn.Close()
		return nil, f
	}
	return s, nil
}

func (s *session) begin(a Account) *Failure {
	conn := net.Conn(s.wire)
	if a.Security == SecurityNone && !loopback(conn) {
		return failed(StageConnect, ErrPlainRemote)
	}
	config := &tls.Config{ServerName: a.Host, RootCAs: a.RootCAs, MinVersion: tls.VersionTLS12}
	if a.Security == SecurityTLS {
		s.wire.step(s.timeouts.Connect)
		secure := tls.Client(conn, config)
		if err := secure.Handshake(); err != nil {
			return failed(StageTLS, err)
		}
		conn = secure
	}
	s.wire.step(s.timeouts.Greeting)
	client, err := smtp.NewClient(conn, a.Host)
	if err != nil {
		return failed(StageGreeting, err)
	}
	s.Client = client
	s.wire.step(s.timeouts.Command)
	if err := client.Hello(helloName(a, conn)); err != nil {
		return failed(StageHello, err)
	}
	if a.Security == SecurityStartTLS {
		if err := s.startTLS(config); err != nil {
			return failed(StageTLS, err)
		}
	}
	if a.Username == "" {
		return nil
	}
	if err := s.login(a); err != nil {
		return failed(StageAuth, err)
	}
	return nil
}

// startTLS never goes on without TLS: a server that no longer offers it may be
// somebody in between (RFC 3207 section 6).
func (s *session) startTLS(config *tls.Config) error {
	if ok, _ := s.Extension("STARTTLS"); !ok {
		return ErrNoStartTLS
	}
	s.wire.step(s.timeouts.Connect)
	return s.StartTLS(config)
}

// login sends the password over TLS or loopback only: open has seen to that.
func (s *session) login(a Account) error {
	_, offered := s.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offered))
	if a.AccessToken != "" {
		return s.loginToken(a, mechanisms)
	}
	for _, m := range mechanisms {
		switch m {
		case "PLAIN":
			s.wire.step(s.timeouts.Command)
			return s.Auth(smtp.PlainAuth("", a.Username, a.Password, a.Host, true))
		case "LOGIN":
			s.wire.step(s.timeouts.Command)
			return s.Auth(smtp.LoginAuth(a.Username, a.Password, a.Host, true))
		}
	}
	return ErrNoAuth
}

// loginToken logs in with an access token (OAuth2).
func (s *session) loginToken(a Account, offered []string) error {
	mechanism := oauth.Choose(func(m string) bool { return slices.Contains(offered, m) })
	if mechanism == "" {
		return ErrNoToken
	}
	s.wire.step(s.timeouts.Command)
	return s.Auth(bearer{&oauth.SASL{Mechanism: mechanism, User: a.Username, Host: a.Host, Port: a.Port, Token: a.AccessToken}})
}

// bearer is a login with a token as the library wants it.
type bearer struct{ exchange *oauth.SASL }

func (b bearer) Start(*smtp.ServerInfo) (string, []byte, error) { return b.exchange.Start() }

func (b bearer) Next(challenge []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	return b.exchange.Next(challenge)
}

// end says goodbye and does not wait for the answer.
func (s *session) end() {
	s.wire.step(s.timeouts.Grace)
	_, _ = s.Text.Cmd("QUIT")
	_ = s.wire.Close()
}

// helloName falls back to the address literal (RFC 5321 section 4.1.3), which
// is true, unlike most host names.
func helloName(a Account, conn net.Conn) string {
	if a.HelloName != "" {
		return a.HelloName
	}
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	switch ip := at.Addr().Unmap().WithZone(""); {
	case err != nil:
		return "localhost"
	case ip.Is4():
		return fmt.Sprintf("[%s]", ip)
	default:
		return fmt.Sprintf("[IPv6:%s]", ip)
	}
}

func loopback(conn net.Conn) bool {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}
