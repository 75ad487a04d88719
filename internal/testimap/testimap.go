// Package testimap runs a real Dovecot on loopback for tests and benchmarks.
package testimap

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Server is one Dovecot with mail homes of its own. It dies with this process.
// Its methods may be called at the same time, but not Stop, Restart and Kill.
type Server struct {
	dir      string // certificate, configuration, log, mail homes
	programs programs
	runAs    *account
	password string
	pool     *x509.CertPool
	plain    string
	tls      string
	users    atomic.Int64
	tokens   string // where it asks about access tokens; empty: it takes none

	mu   sync.Mutex
	proc *process // nil: stopped
}

// Start runs a server that is stopped when the test ends; it fails the test when it cannot.
func Start(t testing.TB) *Server {
	t.Helper()
	return start(t, "")
}

// StartTokens runs a server that also takes access tokens (XOAUTH2, OAUTHBEARER). It asks the
// endpoint at that http URL about each, with the token as the bearer; the answer is {"active":true,"username":USER}.
func StartTokens(t testing.TB, introspect string) *Server {
	t.Helper()
	return start(t, introspect)
}

func start(t testing.TB, introspect string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "imap-")
	if err != nil {
		t.Fatalf("testimap: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("testimap: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := run(ctx, dir, introspect)
	if err != nil {
		t.Fatalf("testimap: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil { // takes no second, and nobody will miss the mail
			t.Errorf("testimap: %v", err)
		}
	})
	return s
}

// Run starts a server whose files lie under dir, for programs that are not tests. ctx bounds the
// start only. A root process runs it as the user nobody, who must be able to enter dir.
func Run(ctx context.Context, dir string) (*Server, error) { return run(ctx, dir, "") }

func run(ctx context.Context, dir, introspect string) (*Server, error) {
	s := &Server{tokens: introspect}
	var err error
	if s.dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if s.programs, err = findPrograms(ctx, usualPlaces()...); err != nil {
		return nil, err
	}
	if s.runAs, err = serverAccount(); err != nil {
		return nil, err
	}
	if err := s.makeFolders(); err != nil {
		return nil, err
	}
	if s.pool, err = s.makeCertificate(); err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	if s.password, err = newPassword(); err != nil {
		return nil, err
	}
	// Another program may take a free port before Dovecot does: then others are tried.
	for range 5 {
		if err = s.choosePorts(); err == nil {
			err = s.launch(ctx)
		}
		if err == nil || !errors.Is(err, errPortTaken) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Addr is the host:port of plain IMAP, which also offers STARTTLS.
func (s *Server) Addr() string { return s.plain }

// TLSAddr is the host:port of IMAP over TLS.
func (s *Server) TLSAddr() string { return s.tls }

// CertPool trusts the server's self-signed certificate (localhost, 127.0.0.1, ::1).
func (s *Server) CertPool() *x509.CertPool { return s.pool }

// NewUser makes a user with an empty mail home. The name gets a suffix, so that it is new.
func (s *Server) NewUser(name string) (user, password string) {
	user = fmt.Sprintf("%s-%d", strings.ToLower(name), s.users.Add(1))
	// Dovecot makes the INBOX at the first look. Two first looks at once are one too many for it; where this
	// one fails, the caller's own does too and tells why.
	_, _, _, _ = s.Status(user, "INBOX")
	return user, s.password
}

// Stop ends the server in an orderly way, so that sessions get a BYE. It takes about a second.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	err := s.proc.end(orderly)
	s.proc = nil
	return err
}

// Kill ends all of the server's processes with SIGKILL.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	err := s.proc.end(atOnce)
	s.proc = nil
	return err
}

// Restart stops the server if it runs and starts it on the same ports with the same mail.
func (s *Server) Restart() error {
	if err := s.Stop(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.launch(ctx)
}

// patience bounds every wait for the server: one that hangs must fail a test.
const patience = 20 * time.Second
