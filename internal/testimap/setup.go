package testimap

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/postern-desk/postern/internal/testtls"
)

// ErrNoDovecot says what to install.
var ErrNoDovecot = errors.New("dovecot 2.3 is not installed: scripts/install-deps.sh test, or on Debian 12: apt-get install dovecot-imapd")

type programs struct{ dovecot, doveadm string }

// usualPlaces also name folders that are not on an ordinary user's PATH.
func usualPlaces() []string {
	return []string{"dovecot", "/usr/sbin/dovecot", "/usr/local/sbin/dovecot", "/opt/homebrew/sbin/dovecot"}
}

func findPrograms(ctx context.Context, candidates ...string) (programs, error) {
	for _, candidate := range candidates {
		dovecot, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		doveadm, err := exec.LookPath("doveadm")
		if err != nil {
			doveadm = filepath.Join(filepath.Dir(filepath.Dir(dovecot)), "bin", "doveadm")
		}
		version, err := exec.CommandContext(ctx, dovecot, "--version").Output()
		if err != nil {
			return programs{}, fmt.Errorf("ask dovecot for its version: %w", err)
		}
		if !strings.HasPrefix(string(version), "2.3.") { // 2.4 has another configuration language
			return programs{}, fmt.Errorf("%w (found version %s)", ErrNoDovecot, strings.TrimSpace(string(version)))
		}
		return programs{dovecot: dovecot, doveadm: doveadm}, nil
	}
	return programs{}, ErrNoDovecot
}

type account struct{ uid, gid uint32 }

// serverAccount is nobody for root: Dovecot as root would need users and groups of its own.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &account{uid: uint32(uid), gid: uint32(gid)}, errors.Join(err1, err2)
}

// names are the user and group in Dovecot's configuration, and their numbers.
func (s *Server) names() (name, group string, uid, gid uint32, err error) {
	uid, gid = uint32(os.Geteuid()), uint32(os.Getegid())
	if s.runAs != nil {
		uid, gid = s.runAs.uid, s.runAs.gid
	}
	u, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil {
		return "", "", 0, 0, err
	}
	g, err := user.LookupGroupId(strconv.Itoa(int(gid)))
	if err != nil {
		return "", "", 0, 0, err
	}
	return u.Username, g.Name, uid, gid, nil
}

func (s *Server) makeFolders() error {
	for _, dir := range []string{s.dir, s.homes(), s.snapshots(), filepath.Join(s.dir, "run")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := s.own(dir); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) own(path string) error {
	if s.runAs == nil {
		return nil
	}
	return os.Chown(path, int(s.runAs.uid), int(s.runAs.gid))
}

func (s *Server) give(name string, text []byte) error {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	return s.own(path)
}

func newPassword() (string, error) {
	b := make([]byte, 12)
	_, err := rand.Read(b)
	return hex.EncodeToString(b), err
}

func (s *Server) makeCertificate() (*x509.CertPool, error) {
	private, err := testtls.Make(7*24*time.Hour, "localhost", "127.0.0.1", "::1")
	if err != nil {
		return nil, err
	}
	return private.Pool, errors.Join(s.give("cert.pem", private.Cert), s.give("key.pem", private.Key))
}

//go:embed dovecot.conf.tmpl
var configText string

// choosePorts asks the system for two free ports and writes the configuration.
func (s *Server) choosePorts() error {
	var ports [2]string
	var held []net.Listener
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		held = append(held, l)
		if _, ports[i], err = net.SplitHostPort(l.Addr().String()); err != nil {
			return err
		}
	}
	for _, l := range held {
		l.Close()
	}
	s.plain, s.tls = "127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1]
	return s.writeConfig(ports)
}

func (s *Server) writeConfig(ports [2]string) error {
	name, group, uid, gid, err := s.names()
	if err != nil {
		return err
	}
	t, err := template.New("dovecot.conf").Parse(configText)
	if err != nil {
		return err
	}
	text := &strings.Builder{}
	err = t.Execute(text, map[string]any{
		"Dir": s.dir, "Homes": s.homes(), "User": name, "Group": group, "UID": uid, "GID": gid,
		"Password": s.password, "Greeting": s.greeting(), "Port": ports[0], "TLSPort": ports[1], "Tokens": s.tokens != "",
	})
	if err != nil {
		return err
	}
	about := fmt.Sprintf("introspection_url = %s\nintrospection_mode = auth\nforce_introspection = yes\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n", s.tokens)
	return errors.Join(s.give("tokens.conf", []byte(about)), s.give("dovecot.conf", []byte(text.String())))
}
