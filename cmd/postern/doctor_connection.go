package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/postern-desk/postern/mail/mailbox"
)

// place is a server as the settings name it, and how one changes that.
type place struct {
	host, server string // server: host:port
	rename       string // what to type for another host or port
	secure       string // what to do where TLS is spoken otherwise than is set
}

// blame tells why no connection came about, and what to do; nothing where the cause is another.
func blame(err error, at place) (seen, remedy string) {
	if seen, remedy = blameCertificate(err, at); seen != "" {
		return seen, remedy
	}
	var name *net.DNSError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host " + at.host, at.rename
	case errors.As(err, &name):
		return "the host " + at.host + " cannot be looked up: " + name.Err, "see to this machine's name servers (/etc/resolv.conf), or " + at.rename
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at " + at.server, "start the server, or " + at.rename
	case errors.As(err, &record):
		return at.server + " does not begin with TLS", at.secure
	case timedOut(err):
		return at.server + " does not answer in time", "open the firewall for it, or " + at.rename + "; where it listens: " + at.secure
	}
	return "", ""
}

func blameCertificate(err error, at place) (seen, remedy string) {
	var invalid x509.CertificateInvalidError
	var hostname x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		until := invalid.Cert.NotAfter.UTC().Format(time.DateOnly)
		return "the certificate of " + at.server + " is not valid now; it ends " + until, "renew it on the server; if it is valid, set this machine's clock"
	case errors.As(err, &hostname):
		return "the certificate of " + at.server + " is for " + strings.Join(namesOf(hostname.Certificate), ", "), "use a name that it is for: " + at.rename
	case errors.As(err, &unknown):
		return "the certificate of " + at.server + " is of an authority that is not known here", "set POSTERN_CA_FILE to the authority's certificate (PEM); a self-signed one is its own"
	}
	return "", ""
}

// namesOf are the names that a certificate is for, the first few.
func namesOf(c *x509.Certificate) []string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"no host"}
	}
	return names[:min(len(names), 5)]
}

func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, mailbox.ErrTimeout) ||
		errors.As(err, &network) && network.Timeout()
}
