package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Session is one logged-in connection. It is not safe for concurrent use,
// except for Close. After an error that is not ErrNoFolder, ErrNoIdle or
// ErrIncomplete the connection may be gone: dial again. A context that ends
// during a command ends the connection.
type Session struct {
	guard    *guard
	wire     *wire
	client   *imapclient.Client
	timeouts Timeouts
	caps     imap.CapSet
	opened   bool          // a folder is open
	folder   string        // the last one that Open was asked for
	changed  atomic.Bool   // the server has reported emails that came or went since then
	secrets  []string      // never repeated in errors
	news     chan struct{} // holds one when the server has reported emails
}

func newSession(conn net.Conn, a Account, t Timeouts) *Session {
	s := &Session{guard: newGuard(conn), timeouts: t, news: make(chan struct{}, 1)}
	for _, secret := range []string{a.AccessToken, a.Password, a.Username} {
		if secret != "" {
			s.secrets = append(s.secrets, secret)
		}
	}
	return s
}

// Close ends the connection at once; a command under way fails with ErrClosed.
// It may be called from any goroutine, more than once, and never waits for the
// server.
func (s *Session) Close() error {
	s.guard.end(ErrClosed)
	return nil
}

// Offers tells whether the server named a capability, such as IDLE, after the login.
func (s *Session) Offers(capability string) bool { return s.caps.Has(imap.Cap(capability)) }

// Noop checks that the server answers and lets it report what is new.
func (s *Session) Noop(ctx context.Context) error {
	err := s.run(ctx, func() error { return s.client.Noop().Wait() })
	if err != nil {
		return fmt.Errorf("mailbox: check the connection: %w", err)
	}
	return nil
}

// notice runs in the library's reader.
func (s *Session) notice(data *imapclient.UnilateralDataMailbox) {
	if data.NumMessages == nil {
		return
	}
	s.changed.Store(true)
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// expunged runs in the library's reader.
func (s *Session) expunged(uint32) { s.changed.Store(true) }

// Unchanged asks, without opening it again, whether the folder that is open stands as Open said: RFC 9051 6.1.2
// makes NOOP the way to ask, which costs the same however full the folder is. It is false for any other folder.
func (s *Session) Unchanged(ctx context.Context, folder string) (bool, error) {
	if !s.opened || s.folder != folder || s.changed.Load() {
		return false, nil
	}
	if err := s.Noop(ctx); err != nil {
		return false, err
	}
	return !s.changed.Load(), nil
}

// forgetNews is called when what has been reported is about to be read.
func (s *Session) forgetNews() {
	select {
	case <-s.news:
	default:
	}
}

// run performs one short command under the command limit.
func (s *Session) run(ctx context.Context, command func() error) error {
	p, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer p.end()
	return s.explain(command())
}

// begin refuses a dead session and starts the limits of a command.
func (s *Session) begin(ctx context.Context) (*patience, error) {
	if err := s.alive(ctx); err != nil {
		return nil, err
	}
	return s.await(ctx, s.timeouts.Command), nil
}

// alive returns why no command can begin, nil if one can.
func (s *Session) alive(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.guard.isClosed() {
		return s.explain(io.ErrUnexpectedEOF)
	}
	return nil
}

// explain names the kind of a failure: what the server refused, else why the
// connection ended.
func (s *Session) explain(err error) error {
	if err == nil {
		return nil
	}
	var refused *imap.Error
	if errors.As(err, &refused) {
		return s.refusal(refused)
	}
	cause, bye := s.guard.why(), s.lastWords()
	if bye != "" && (errors.Is(cause, ErrServerGone) || cause == nil && s.guard.isClosed()) {
		// The library may have closed our end before we saw the server close its own.
		kind := kindOfText(bye)
		if kind == nil || kind == ErrUnavailable {
			kind = ErrServerGone
		}
		return fmt.Errorf("%w; it said: %s", kind, bye)
	}
	if cause != nil {
		return cause
	}
	if s.guard.isClosed() {
		// The library gave up: it could not parse what came.
		return fmt.Errorf("%w (%s)", ErrProtocol, s.discreet(err.Error()))
	}
	return err
}

func (s *Session) refusal(refused *imap.Error) error {
	kind := kindOf(refused.Code, refused.Text)
	if refused.Type == imap.StatusResponseTypeBye && (kind == nil || kind == ErrUnavailable) {
		kind = ErrServerGone
	}
	if kind == nil {
		kind = ErrRefused
	}
	return fmt.Errorf("%w%s", kind, s.said(refused))
}

func (s *Session) lastWords() string {
	if s.wire == nil {
		return ""
	}
	return s.discreet(s.wire.bye())
}

// patience bounds how long one command may wait for the server. It runs only
// while we wait, not while a caller's function works.
type patience struct {
	session *Session
	left    time.Duration
	begun   time.Time
	timer   *time.Timer
	release func() bool
}

// await starts waiting, with left in all for the command.
func (s *Session) await(ctx context.Context, left time.Duration) *patience {
	p := &patience{session: s, left: left, begun: time.Now()}
	p.timer = time.AfterFunc(left, func() { s.guard.end(ErrTimeout) })
	p.release = context.AfterFunc(ctx, func() { s.guard.end(context.Cause(ctx)) })
	s.guard.expect(s.timeouts.Read)
	return p
}

// pause stops the clock: the next step is ours.
func (p *patience) pause() {
	p.timer.Stop()
	p.left = max(p.left-time.Since(p.begun), time.Millisecond)
	p.session.guard.expect(0)
}

// resume starts the clock again with what is left.
func (p *patience) resume() {
	p.begun = time.Now()
	p.timer.Reset(p.left)
	p.session.guard.expect(p.session.timeouts.Read)
}

// grant replaces what is left; the clock must be paused.
func (p *patience) grant(left time.Duration) { p.left = left }

func (p *patience) end() {
	p.timer.Stop()
	p.release()
	p.session.guard.expect(0)
}
