// Package smtp hands a composed email to a mail server and says exactly what
// became of it.
package smtp

import (
	"crypto/x509"
	"time"
)

// Security is how a connection is protected.
type Security string

// The three ways to connect. SecurityNone is refused unless the server is on
// loopback.
const (
	SecurityTLS      Security = "tls"
	SecurityStartTLS Security = "starttls"
	SecurityNone     Security = "none"
)

// Account is a server and how to log in there. Two equal accounts share their
// connections.
type Account struct {
	Host               string
	Port               int
	Security           Security
	Username, Password string         // empty Username: no login
	AccessToken        string         // OAuth2: in the place of the password
	RootCAs            *x509.CertPool // nil: the system's
	HelloName          string         // empty: the connection's own address
}

// Envelope is who a server is told about; it need not match the letter's
// header. An empty From is the null sender (RFC 5321 section 4.5.5).
type Envelope struct {
	From string
	To   []string
}

// Outcome is what became of one attempt.
type Outcome string

const (
	// Accepted: the server took the letter for every recipient that is not in
	// Rejected.
	Accepted Outcome = "accepted"
	// Temporary: nobody got it, try later.
	Temporary Outcome = "temporary"
	// Permanent: nobody got it, and another attempt will not help.
	Permanent Outcome = "permanent"
	// Unknown: the whole letter was handed over and no answer came. It may
	// have been delivered: another attempt may be a second copy.
	Unknown Outcome = "unknown"
)

// Result of one attempt. Code, Enhanced and Text are the server's words (Code 0:
// no server spoke, Text is ours). Text is one line of at most 500 bytes; it may
// repeat addresses, so it does not belong in a log.
type Result struct {
	Outcome  Outcome
	Stage    Stage
	Code     int
	Enhanced string // such as 5.1.1, empty if the server gives none
	Text     string
	Rejected []RecipientResult
}

// RecipientResult is a recipient who was refused: Temporary or Permanent.
type RecipientResult struct {
	Address  string
	Outcome  Outcome
	Code     int
	Enhanced string
	Text     string
}

// Stage is the step of the exchange that decided the outcome.
type Stage string

// The stages in their order. At StageConnect to StageAuth the fault lies with
// the account and not with the letter: the outcome is always Temporary.
const (
	StageConnect  Stage = "connect"
	StageGreeting Stage = "greeting"
	StageHello    Stage = "hello"
	StageTLS      Stage = "tls"
	StageAuth     Stage = "auth"
	StageMail     Stage = "mail"
	StageRcpt     Stage = "rcpt"
	StageData     Stage = "data"
	StageBody     Stage = "body"
	StageReply    Stage = "reply"
)

// Timeouts bound every step; a zero field takes the default. They are shorter
// than RFC 5321 section 4.5.3.2 where giving up costs nothing.
type Timeouts struct {
	Connect  time.Duration // TCP and TLS handshakes, 30 s each
	Greeting time.Duration // first line of the server, 1 min
	Command  time.Duration // one command and its reply, 1 min
	Block    time.Duration // one block of at most 32 KiB of the letter, 1 min
	Reply    time.Duration // reply to the whole letter, 10 min: giving up early makes copies
	Grace    time.Duration // wait for that reply after the context ended, 5 s
}

func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&t.Connect, 30*time.Second)
	set(&t.Greeting, time.Minute)
	set(&t.Command, time.Minute)
	set(&t.Block, time.Minute)
	set(&t.Reply, 10*time.Minute)
	set(&t.Grace, 5*time.Second)
	return t
}
