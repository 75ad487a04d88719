// Package mailbox reads an IMAP folder since a cursor and watches it with IDLE.
// Reading never changes anything on the server: folders are opened read-only, and
// no flag is set. Only [Session.MarkSeen] and [Session.MoveTo] write.
//
// A [Session] is one connection. Every wait on its socket has a limit, so no
// method hangs when a server or the network between falls silent.
package mailbox

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"
)

// Security says how a connection is protected.
type Security string

const (
	// SecurityTLS is TLS from the first byte (port 993).
	SecurityTLS Security = "tls"
	// SecuritySTARTTLS upgrades a plain connection (port 143) and refuses to
	// go on without.
	SecuritySTARTTLS Security = "starttls"
	// SecurityNone is refused for any host but the loopback.
	SecurityNone Security = "none"
)

// Account is where a mailbox is and who reads it.
type Account struct {
	Host               string
	Port               int
	Security           Security
	Username, Password string
	AccessToken        string // OAuth2: in the place of the password
	// RootCAs are the authorities trusted for the server's certificate; nil
	// means those of the system.
	RootCAs *x509.CertPool
}

// String names the server and the protection, never the user or the password.
func (a Account) String() string {
	return fmt.Sprintf("%s (%s)", a.address(), a.Security)
}

// GoString keeps the password out of %#v.
func (a Account) GoString() string { return "mailbox.Account(" + a.String() + ")" }

// LogValue keeps the password out of structured logs.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.String()) }

func (a Account) address() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// Timeouts bound every wait for the server; a zero field means its default.
// The time that a caller's function takes never counts.
type Timeouts struct {
	// Dial is for the TCP connection, the TLS handshake and the greeting.
	Dial time.Duration
	// Command is for one whole command: login, opening a folder, NOOP, a page
	// of a list. An email that is fetched gets this plus its size at 16 KiB/s.
	Command time.Duration
	// Read is the longest silence while an answer is due.
	Read time.Duration
}

// DefaultTimeouts returns 30 seconds to connect, two minutes for a command and
// one minute of silence.
func DefaultTimeouts() Timeouts {
	return Timeouts{Dial: 30 * time.Second, Command: 2 * time.Minute, Read: time.Minute}
}

func (t Timeouts) withDefaults() Timeouts {
	d := DefaultTimeouts()
	if t.Dial <= 0 {
		t.Dial = d.Dial
	}
	if t.Command <= 0 {
		t.Command = d.Command
	}
	if t.Read <= 0 {
		t.Read = d.Read
	}
	return t
}

// Folder is what the server told when a folder was opened.
type Folder struct {
	Name string
	// UIDValidity is never 0. When it changes, every UID seen before is void.
	UIDValidity uint32
	// UIDNext is above every UID in the folder. Where the server keeps it to
	// itself, it is one above the last email's: Guessed, it goes back when that
	// email is deleted.
	UIDNext  uint32
	Guessed  bool
	Messages uint32
}

// Meta is what is known of an email before its bytes are fetched.
type Meta struct {
	UID          uint32
	Size         int64 // RFC822.SIZE, bytes
	InternalDate time.Time
	Flags        []string // at most 100, without any of over 100 bytes
}
