package smtp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	netsmtp "net/smtp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/postern-desk/postern/internal/testtls"
	"github.com/postern-desk/postern/mail/letter"
)

// server is a real SMTP server that keeps what it takes.
type server struct {
	mu       sync.Mutex
	letters  map[string]string // sender and recipients -> bytes
	count    int
	open     int
	mostOpen int
}

type conversation struct {
	*server
	offers   []string
	from, to string
}

func (c *conversation) Reset() { c.from, c.to = "", "" }
func (c *conversation) Logout() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	return nil
}

func (c *conversation) Mail(from string, _ *gosmtp.MailOptions) error {
	c.from = from
	return nil
}

func (c *conversation) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	c.to += "," + to
	return nil
}

func (c *conversation) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letters[c.from+c.to] = string(b)
	c.count++
	return nil
}

func (c *conversation) AuthMechanisms() []string { return c.offers }

func (c *conversation) Auth(mech string) (sasl.Server, error) {
	check := func(user, password string) error {
		if user != "desk" || password != "right" {
			return gosmtp.ErrAuthFailed
		}
		return nil
	}
	if mech == "LOGIN" {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// loginServer is the server's side of LOGIN, which go-sasl lacks.
type loginServer struct {
	step  int
	user  string
	check func(user, password string) error
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

// serve starts a real server; mechanisms are the logins it offers.
func serve(t testing.TB, config *tls.Config, implicit bool, mechanisms ...string) (*server, Account) {
	t.Helper()
	s := &server{letters: map[string]string{}}
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open++
		s.mostOpen = max(s.mostOpen, s.open)
		return &conversation{server: s, offers: mechanisms}, nil
	}))
	srv.Domain, srv.AllowInsecureAuth, srv.EnableSMTPUTF8 = "here", true, true
	srv.TLSConfig = config
	srv.ErrorLog = quietLog{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := account(ln)
	if implicit {
		ln = tls.NewListener(ln, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return s, a
}

type quietLog struct{}

func (quietLog) Printf(string, ...any) {}
func (quietLog) Println(...any)        {}

func TestRealServerWithEverySecurityAndLogin(t *testing.T) {
	t.Parallel()
	private := testtls.New(t, "127.0.0.1")
	config, roots := private.Config, private.Pool
	for _, security := range []Security{SecurityTLS, SecurityStartTLS, SecurityNone} {
		for _, mechanism := range []string{"PLAIN", "LOGIN", ""} {
			t.Run(string(security)+" "+mechanism, func(t *testing.T) {
				t.Parallel()
				s, a := serve(t, config, security == SecurityTLS, mechanism)
				a.Security, a.RootCAs = security, roots
				if mechanism != "" {
					a.Username, a.Password = "desk", "right"
				}
				p := newPool(t, 2, quick)
				if err := p.Check(t.Context(), a); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					expect(t, send(p, a), Accepted, StageReply, 250)
				}
				if got := s.letters["support@desk.example,ann@client.example"]; got != letterBytes {
					t.Errorf("arrived as %q", got)
				}
				if mechanism == "" {
					return
				}
				a.Password = "wrong"
				expect(t, send(p, a), Temporary, StageAuth, 535)
			})
		}
	}
}

func TestAccountThatTheServerCannotSatisfy(t *testing.T) {
	t.Parallel()
	private := testtls.New(t, "127.0.0.1")
	config, roots := private.Config, private.Pool
	p := newPool(t, 1, quick)
	check := func(a Account, want error) {
		t.Helper()
		err := p.Check(t.Context(), a)
		if want != nil && !errors.Is(err, want) || err == nil {
			t.Errorf("Check: %v, want %v", err, want)
		}
		if res := send(p, a); res.Outcome != Temporary || res.Text == "" {
			t.Errorf("Send: %+v", res)
		}
	}
	_, noTLS := serve(t, nil, false)
	noTLS.Security = SecurityStartTLS
	check(noTLS, ErrNoStartTLS)

	_, noAuth := serve(t, nil, false, "XOAUTH2")
	noAuth.Username = "desk"
	check(noAuth, ErrNoAuth)

	_, untrusted := serve(t, config, false)
	untrusted.Security = SecurityStartTLS
	check(untrusted, nil)

	_, otherName := serve(t, config, true)
	otherName.Security, otherName.RootCAs, otherName.Host = SecurityTLS, roots, "localhost"
	check(otherName, nil)
}

// TestPasswordNeverLeavesUnprotected: whatever the server says after a STARTTLS
// that it does not offer, it gets no command any more.
func TestPasswordNeverLeavesUnprotected(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) { p.say("220 ready"); p.answer("EHLO", "250-here", "250 AUTH PLAIN"); p.gone() })
	a.Security, a.Username, a.Password = SecurityStartTLS, "desk", "right"
	expect(t, send(newPool(t, 1, quick), a), Temporary, StageTLS, 0)

	conn := &memoryConn{remote: "192.0.2.1:25", input: strings.NewReader("220 ready\r\n")}
	s := &session{wire: &wire{Conn: conn}, timeouts: quick}
	if f := s.begin(Account{Host: "192.0.2.1", Security: SecurityNone}); f == nil || !errors.Is(f, ErrPlainRemote) {
		t.Errorf("got %v", f)
	}
	if conn.output.Len() > 0 {
		t.Errorf("sent %q", conn.output.String())
	}
}

func TestParallelLettersArriveOnceEach(t *testing.T) {
	t.Parallel()
	s, a := serve(t, nil, false)
	p := newPool(t, 4, quick)
	const letters = 200
	var wg sync.WaitGroup
	for i := range letters {
		wg.Go(func() {
			e := Envelope{From: fmt.Sprintf("b-%d@desk.example", i), To: []string{"a@x.example", "b@x.example"}}
			body := fmt.Sprintf("Subject: %d\r\n\r\n.%d\r\n", i, i)
			expect(t, p.Send(context.Background(), a, e, strings.NewReader(body)), Accepted, StageReply, 250)
		})
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count != letters || s.mostOpen > 4 {
		t.Errorf("%d letters over %d connections", s.count, s.mostOpen)
	}
	for i := range letters {
		got := s.letters[fmt.Sprintf("b-%d@desk.example,a@x.example,b@x.example", i)]
		if want := fmt.Sprintf("Subject: %d\r\n\r\n.%d\r\n", i, i); got != want {
			t.Errorf("letter %d arrived as %q", i, got)
		}
	}
}

// TestComposedLetterArrivesByteIdentical also sends one that is larger than
// every buffer on the way.
func TestComposedLetterArrivesByteIdentical(t *testing.T) {
	t.Parallel()
	s, a := serve(t, nil, false)
	p := newPool(t, 1, quick)
	noise := make([]byte, 3<<20)
	_, _ = rand.Read(noise)
	var b bytes.Buffer
	err := letter.Compose(&b, letter.Letter{
		From: letter.Address{Address: envelope.From}, To: []letter.Address{{Address: envelope.To[0]}},
		Subject: "Grüße", MessageID: "1@desk.example", Date: time.Unix(1e9, 0), Text: ".\n..\n" + strings.Repeat(".x\n", 50_000),
		Attachments: []letter.Attachment{{Name: "noise", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(noise)), nil }}},
	})
	if err != nil {
		t.Fatal(err)
	}
	dots := strings.Repeat(".\r\n..\r\n.x\r\nx.\r\n", 20_000)
	for _, raw := range []string{b.String(), dots, "\r\n", ".\r\n"} {
		res := p.Send(t.Context(), a, envelope, strings.NewReader(raw))
		expect(t, res, Accepted, StageReply, 250)
		if got := s.letters["support@desk.example,ann@client.example"]; got != raw {
			t.Errorf("%d bytes left, %d arrived, or they differ", len(raw), len(got))
		}
	}
}

// BenchmarkSend compares with net/smtp's client on one connection kept open.
func BenchmarkSend(b *testing.B) {
	raw := "Subject: x\r\n\r\n" + strings.Repeat("a line of a letter of usual size\r\n", 120)
	perSecond := func(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "letters/s") }
	b.Run("bare", func(b *testing.B) {
		_, a := serve(b, nil, false)
		c, err := netsmtp.Dial(fmt.Sprintf("%s:%d", a.Host, a.Port))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		for b.Loop() {
			if err := bare(c, raw); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b)
	})
	for _, n := range []int{1, 4} {
		b.Run(fmt.Sprintf("connections=%d", n), func(b *testing.B) {
			_, a := serve(b, nil, false)
			p := NewPool(n, time.Minute, quick)
			defer p.Close()
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if res := p.Send(b.Context(), a, envelope, strings.NewReader(raw)); res.Outcome != Accepted {
						b.Error(res)
					}
				}
			})
			perSecond(b)
		})
	}
}

func bare(c *netsmtp.Client, raw string) error {
	if err := errors.Join(c.Mail(envelope.From), c.Rcpt(envelope.To[0])); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, raw)
	return errors.Join(err, w.Close())
}
