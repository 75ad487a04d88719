package main

import (
	"io"
	"net"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// slowAnswer is what a mail server on the same continent takes to say that it has an email: it scans and
// stores it first.
const slowAnswer = 5 * time.Millisecond

// startSlow runs a mail server that costs next to nothing and takes its time: what is left of the rate is
// how well the desk keeps its connections busy.
func startSlow() (server *gosmtp.Server, address string, err error) {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server = gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return slowSession{}, nil }))
	server.Domain, server.AllowInsecureAuth = "slow.example", true
	go func() { _ = server.Serve(listen) }() // ends with Close
	return server, listen.Addr().String(), nil
}

// slowSession takes every email of everybody and keeps none.
type slowSession struct{}

// Reset has nothing to forget.
func (slowSession) Reset() {}

// Logout has nothing to forget.
func (slowSession) Logout() error { return nil }

// Mail takes every sender.
func (slowSession) Mail(string, *gosmtp.MailOptions) error { return nil }

// Rcpt takes every recipient.
func (slowSession) Rcpt(string, *gosmtp.RcptOptions) error { return nil }

// Data reads the email and lets its sender wait.
func (slowSession) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	time.Sleep(slowAnswer)
	return err
}

// AuthMechanisms are what the desk's mailboxes use.
func (slowSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth takes every password.
func (slowSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, _ string) error { return nil }), nil
}
