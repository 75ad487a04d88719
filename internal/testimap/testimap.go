// Package testimap runs a real Dovecot on loopback for tests and benchmarks.
package testimap

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"
)

// Server is one Dovecot with mail homes of its own.
type Server struct{}

// Start runs a server that is stopped when the test ends; it fails the test when it cannot.
func Start(t testing.TB) *Server {
	t.Helper()
	t.Fatal("testimap: not built yet")
	return nil
}

// Run starts a server whose files lie under dir, for programs that are not tests.
func Run(ctx context.Context, dir string) (*Server, error) {
	return nil, errors.New("testimap: not built yet")
}

// Addr is the host:port of plain IMAP, which also offers STARTTLS.
func (s *Server) Addr() string { return "" }

// TLSAddr is the host:port of IMAP over TLS.
func (s *Server) TLSAddr() string { return "" }

// CertPool trusts the server's self-signed certificate (localhost, 127.0.0.1, ::1).
func (s *Server) CertPool() *x509.CertPool { return nil }

// NewUser makes a user with an empty mail home.
func (s *Server) NewUser(name string) (user, password string) { return "", "" }

// Append puts one email into a folder, which is created if absent.
func (s *Server) Append(user, folder string, raw []byte, internalDate time.Time) error { return nil }

// AppendMany puts many emails into a folder in order, faster than one Append each.
func (s *Server) AppendMany(user, folder string, raws [][]byte, internalDate time.Time) error {
	return nil
}

// Stop ends the server in an orderly way; Restart brings it back on the same ports.
func (s *Server) Stop() error { return nil }

// Restart stops the server if it runs and starts it on the same ports with the same mail.
func (s *Server) Restart() error { return nil }

// Kill ends all of the server's processes with SIGKILL.
func (s *Server) Kill() error { return nil }

// WipeUIDValidity gives the folder a new UIDVALIDITY with the same emails in it.
func (s *Server) WipeUIDValidity(user, folder string) error { return nil }

// RenameFolder renames a folder.
func (s *Server) RenameFolder(user, from, to string) error { return nil }

// Empty removes every email of a folder; UIDNEXT stays.
func (s *Server) Empty(user, folder string) error { return nil }

// Snapshot remembers the user's whole mail home; Restore goes back to it, UIDNEXT included.
func (s *Server) Snapshot(user string) (*Snapshot, error) { return nil, nil }

// Restore puts a snapshot back.
func (s *Server) Restore(snap *Snapshot) error { return nil }

// Snapshot is the state of one user's mail home at one time.
type Snapshot struct{}
