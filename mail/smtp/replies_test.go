package smtp

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// Tried: replies as one line and many, with and without text, and what is none.
func TestRepliesAreReadHoweverShort(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct {
		code int
		text string
	}{
		"250\r\n":                      {250, ""},
		"250 \r\n":                     {250, ""},
		"250\n":                        {250, ""},
		"250 ok\r\n":                   {250, "ok"},
		"250-a\r\n250\r\n":             {250, "a\n"},
		"250-\r\n250-b\r\n250 c\r\n":   {250, "\nb\nc"},
		"550-a\r\nb\r\n551 c\r\n550\n": {550, "a\nb\n551 c\n"},
		"25\r\n":                       {},
		"\r\n":                         {},
		"2500\r\n":                     {},
		"250ok\r\n":                    {},
		"+50 ok\r\n":                   {},
		"-12 ok\r\n":                   {},
		"099 ok\r\n":                   {},
		"HTTP/1.1 200\r\n":             {},
		"250-a\r\n":                    {}, // and then the end
		"":                             {},
	} {
		s := &session{wire: &wire{Conn: &memoryConn{remote: "127.0.0.1:25", input: bytes.NewReader([]byte("220 x\r\n250 x\r\n" + said))}}, timeouts: quick}
		if f := s.begin(Account{Host: "127.0.0.1", Security: SecurityNone}); f != nil {
			t.Fatal(f)
		}
		code, text, err := s.readReply()
		if code != want.code || text != want.text || (err == nil) != (want.code > 0) {
			t.Errorf("%q: %d %q, %v", said, code, text, err)
		}
	}
}

// Tried: a server whose replies are their codes alone (RFC 5321 section 4.2). It has taken the letter.
func TestCodeWithoutTextIsAReply(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) {
		p.hello()
		for range 2 {
			p.answer("MAIL", "250")
			p.answer("RCPT", "250")
			p.answer("DATA", "354")
			p.body()
			p.say("250")
		}
		p.answer("MAIL", "250")
		p.answer("RCPT", "550")
		p.gone()
	})
	pool := newPool(t, 1, quick)
	for range 2 {
		expect(t, send(pool, a), Accepted, StageReply, 250)
	}
	expect(t, send(pool, a), Permanent, StageRcpt, 550)
	pool.Close()
}

// Tried: a server that refuses the sender and throws away what was said ahead. The result does not wait for replies
// that never come, and the next letter has a connection of its own.
func TestRefusalDoesNotWaitForTheRestOfTheEnvelope(t *testing.T) {
	t.Parallel()
	times := quick
	times.Command = time.Minute
	a := listen(t,
		func(p *peer) {
			p.eager()
			for _, command := range []string{"MAIL", "RCPT", "DATA"} {
				if line, err := p.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, command) {
					p.errorf("%q, %v", line, err)
				}
			}
			p.say("451 later")
			_, _ = io.Copy(io.Discard, p.r)
		},
		func(p *peer) { p.eager(); p.ahead("250 ok", "250 ok", "354 go"); p.whole(); p.gone() })
	pool := newPool(t, 1, times)
	began := time.Now()
	expect(t, send(pool, a), Temporary, StageMail, 451)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the result came after %v", took)
	}
	expect(t, send(pool, a), Accepted, StageReply, 250)
	pool.Close()
}

// Tried: as many slots as there are, one more, and one that is given back twice.
func TestSlotsAreReserved(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) { p.hello(); p.accept(); p.accept(); p.gone() })
	pool := newPool(t, 1, quick)
	first, err := pool.Reserve(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := pool.Reserve(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *Slot)
	go func() {
		next, err := pool.Reserve(t.Context(), a)
		if err != nil {
			t.Error(err)
		}
		got <- next
	}()
	expect(t, first.Send(t.Context(), envelope, strings.NewReader(letterBytes)), Accepted, StageReply, 250)
	select {
	case <-got:
		t.Fatal("three have the two slots")
	case <-time.After(50 * time.Millisecond):
	}
	first.Release()
	first.Release()
	second := <-got
	pool.mu.Lock()
	if l := pool.lanes[a]; l.slots.taken != 2 || l.connections.taken != 0 || l.users != 2 {
		t.Errorf("%d slots and %d connections taken by %d", l.slots.taken, l.connections.taken, l.users)
	}
	pool.mu.Unlock()
	expect(t, second.Send(t.Context(), envelope, strings.NewReader(letterBytes)), Accepted, StageReply, 250)
	second.Release()
	beside.Release()
	(*Slot)(nil).Release()
	pool.Close()
	if _, err := pool.Reserve(t.Context(), a); err == nil {
		t.Error("a closed pool has a slot")
	}
}
