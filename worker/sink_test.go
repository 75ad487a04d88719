package worker_test

import (
	"bytes"
	"io"
	"net"
	"net/mail"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// taken is one letter as the mail server took it.
type taken struct {
	from, to string
	raw      []byte
	header   mail.Header
}

// messageID is without the brackets.
func (l taken) messageID() string { return trimmed(l.header.Get("Message-Id")) }

func trimmed(id string) string {
	if len(id) > 2 && id[0] == '<' {
		return id[1 : len(id)-1]
	}
	return id
}

// sink is a real SMTP server that keeps what it takes, and refuses as it is told.
type sink struct {
	addr string

	mu      sync.Mutex
	letters []taken
	refuse  func(stage string) error // "rcpt", "data" or "after"; nil takes everything
	tries   int
	logins  int
	secret  string // the only password that is good; empty: every one is
}

// errHangUp makes the server end the connection without a word.
var errHangUp = &gosmtp.SMTPError{Code: 1}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{}
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(c *gosmtp.Conn) (gosmtp.Session, error) { return &talk{sink: s, conn: c}, nil }))
	srv.Domain, srv.AllowInsecureAuth, srv.ErrorLog = "sink.example", true, silent{}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listen.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(listen)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return s
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// script decides what the server says from now on.
func (s *sink) script(refuse func(stage string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

func (s *sink) says(stage string) error {
	s.mu.Lock()
	refuse := s.refuse
	switch stage {
	case "rcpt":
		s.tries++
	case "login":
		s.logins++
	}
	s.mu.Unlock()
	if refuse == nil {
		return nil
	}
	return refuse(stage)
}

// takes makes one password the only good one.
func (s *sink) takes(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = password
}

func (s *sink) password() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secret
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.letters)
}

func (s *sink) attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

func (s *sink) loginsTried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

func (s *sink) last() taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.letters[len(s.letters)-1]
}

// to is the first letter to an address; ok is false where there is none.
func (s *sink) to(address string) (l taken, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.letters {
		if l.to == address {
			return l, true
		}
	}
	return taken{}, false
}

type talk struct {
	sink     *sink
	conn     *gosmtp.Conn
	from, to string
}

func (k *talk) Reset()        {}
func (k *talk) Logout() error { return nil }

func (k *talk) Mail(from string, _ *gosmtp.MailOptions) error {
	k.from = from
	return nil
}

func (k *talk) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	k.to = to
	return k.hangUp(k.sink.says("rcpt"))
}

func (k *talk) Data(r io.Reader) error {
	if err := k.sink.says("data"); err != nil {
		return k.hangUp(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	k.sink.mu.Lock()
	k.sink.letters = append(k.sink.letters, taken{from: k.from, to: k.to, raw: raw, header: m.Header})
	k.sink.mu.Unlock()
	return k.hangUp(k.sink.says("after"))
}

func (k *talk) hangUp(err error) error {
	if err == errHangUp {
		k.conn.Conn().Close()
	}
	return err
}

func (k *talk) AuthMechanisms() []string { return []string{"PLAIN"} }

func (k *talk) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, password string) error {
		if good := k.sink.password(); good != "" && password != good {
			return &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.EnhancedCode{5, 7, 8}, Message: "wrong password"}
		}
		return k.sink.says("login")
	}), nil
}
