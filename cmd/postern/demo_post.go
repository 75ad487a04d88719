package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/postern-desk/postern/internal/embedded"
)

// demoPost is the world outside: a mail server, and the DNS that knows the key with which it signs.
type demoPost struct {
	mail *embedded.Mail
	dns  *embedded.MailDNS
}

func (c *demoCmd) startPost(ctx context.Context, password string, log *slog.Logger) (*demoPost, error) {
	dir := filepath.Join(c.DataDir, "mail")
	signer, err := embedded.OpenMailSigner(dir)
	if err != nil {
		return nil, err
	}
	mail, err := embedded.StartMail(ctx, embedded.MailConfig{Dir: dir, SMTPAddr: c.SMTP, IMAPAddr: c.IMAP,
		Password: password, Domain: demoDomain, Sign: signer.Sign, Log: log})
	var port *embedded.MailListenError
	if errors.As(err, &port) {
		return nil, portProblem("--"+strings.ToLower(port.Protocol), port.Addr, port.Err)
	}
	if err != nil {
		return nil, err
	}
	dns, err := embedded.StartMailDNS(ctx, "127.0.0.1:0", signer, log)
	if err != nil {
		return nil, errors.Join(err, mail.Stop())
	}
	return &demoPost{mail: mail, dns: dns}, nil
}

// tell makes the desk ask this DNS, unless another was configured.
func (p *demoPost) tell(c *demoCmd) error {
	if c.DNSServer.IsValid() {
		return nil
	}
	var err error
	c.DNSServer, err = netip.ParseAddrPort(p.dns.Addr())
	return err
}

func (p *demoPost) stop() error {
	p.dns.Stop()
	return p.mail.Stop()
}
