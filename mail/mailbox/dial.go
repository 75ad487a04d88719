package mailbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/postern-desk/postern/mail/oauth"
)

// Dial connects and logs in. Its errors are ErrPlainRemote, ErrUnavailable,
// ErrTLS, ErrAuth, ErrTimeout, ErrServerGone, ErrProtocol or those of ctx.
func Dial(ctx context.Context, a Account, t Timeouts) (*Session, error) {
	if a.Security == SecurityNone && !isLoopback(a.Host) {
		return nil, fmt.Errorf("mailbox: connect to %s: %w", a, ErrPlainRemote)
	}
	t = t.withDefaults()
	s, err := connect(ctx, a, t)
	if err != nil {
		return nil, fmt.Errorf("mailbox: connect to %s: %w", a, err)
	}
	if err := s.login(ctx, a); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("mailbox: log in at %s: %w", a, err)
	}
	return s, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// connect goes as far as the greeting, within one Dial limit.
func connect(ctx context.Context, a Account, t Timeouts) (*Session, error) {
	begun := time.Now()
	dialer := net.Dialer{Timeout: t.Dial}
	conn, err := dialer.DialContext(ctx, "tcp", a.address())
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	s := newSession(conn, a, t)
	p := s.await(ctx, max(t.Dial-time.Since(begun), time.Millisecond))
	defer p.end()
	if err := s.greet(a); err != nil {
		err = s.explain(err)
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// greet secures the connection, starts the library on it and waits for the
// greeting and the capabilities.
func (s *Session) greet(a Account) error {
	var plaintext net.Conn = s.guard
	switch a.Security {
	case SecurityNone:
	case SecuritySTARTTLS:
		if err := startTLS(s.guard); err != nil {
			return err
		}
		fallthrough
	case SecurityTLS:
		secured := tls.Client(s.guard, &tls.Config{
			ServerName: a.Host,
			RootCAs:    a.RootCAs,
			MinVersion: tls.VersionTLS12,
		})
		// The limits in force cover the handshake; with a context of its own
		// it would close the socket before the cause is known.
		if err := secured.Handshake(); err != nil {
			return fmt.Errorf("%w: %w", ErrTLS, err)
		}
		plaintext = secured
	default:
		return fmt.Errorf("unknown security %q: set tls, starttls or none", a.Security)
	}

	s.wire = newWire(plaintext, s.guard)
	if a.Security == SecuritySTARTTLS {
		// The greeting came before TLS and is not repeated (RFC 9051 6.2.1),
		// but the library waits for one.
		s.wire.out, s.wire.greeted = []byte("* OK\r\n"), true
	}
	s.client = imapclient.New(s.wire, &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: s.notice, Expunge: s.expunged},
	})
	if err := s.client.WaitGreeting(); err != nil {
		return err
	}
	if s.caps = s.client.Caps(); s.caps == nil {
		return ErrTimeout
	}
	return nil
}

func (s *Session) login(ctx context.Context, a Account) error {
	if err := s.authenticate(ctx, a); err != nil {
		return err
	}
	// A login changes the capabilities (RFC 9051 6.2.3). They are asked for
	// because the library may still hold those from before.
	return s.run(ctx, func() error {
		var err error
		s.caps, err = s.client.Capability().Wait()
		return err
	})
}

// authenticateToken logs in with an access token (OAuth2).
func (s *Session) authenticateToken(ctx context.Context, a Account) error {
	mechanism := oauth.Choose(func(m string) bool { return s.caps.Has(imap.AuthCap(m)) })
	if mechanism == "" {
		return fmt.Errorf("%w: the server offers no login with OAuth2 on a connection like this one", ErrAuth)
	}
	exchange := &oauth.SASL{Mechanism: mechanism, User: a.Username, Host: a.Host, Port: a.Port, Token: a.AccessToken}
	err := s.run(ctx, func() error { return s.client.Authenticate(exchange) })
	if err != nil && exchange.Refused != "" {
		err = fmt.Errorf("%w (the reason: %s)", err, exchange.Refused)
	}
	return err
}

func (s *Session) authenticate(ctx context.Context, a Account) error {
	err := s.authenticateBy(ctx, a)
	if errors.Is(err, ErrRefused) {
		return fmt.Errorf("%w: %w", ErrAuth, err)
	}
	return err
}

// authenticateBy prefers LOGIN, which every server knows, to AUTHENTICATE PLAIN, which it takes
// where LOGIN is disabled (RFC 9051 6.2.3).
func (s *Session) authenticateBy(ctx context.Context, a Account) error {
	if a.AccessToken != "" {
		return s.authenticateToken(ctx, a)
	}
	plain := s.caps.Has(imap.CapLoginDisabled)
	if plain && !s.caps.Has(imap.AuthCap("PLAIN")) {
		return fmt.Errorf("%w: the server allows no login on a connection like this one; set another security", ErrAuth)
	}
	return s.run(ctx, func() error {
		if plain {
			return s.client.Authenticate(sasl.NewPlainClient("", a.Username, a.Password))
		}
		return s.client.Login(a.Username, a.Password).Wait()
	})
}
