package smtp

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// eager greets as a server that takes commands ahead of its replies.
func (p *peer) eager() {
	p.t.Helper()
	p.say("220 ready")
	p.answer("EHLO ", "250-here", "250-PIPELINING", "250 8BITMIME")
}

// ahead reads a whole envelope, which must have come before any reply, and then says its replies.
func (p *peer) ahead(replies ...string) {
	p.t.Helper()
	var got []string
	for len(got) == 0 || got[len(got)-1] != "DATA" {
		line, err := p.r.ReadString('\n')
		if err != nil {
			p.errorf("server got %q and then %v", got, err)
			return
		}
		got = append(got, strings.TrimSpace(line))
	}
	if !strings.HasPrefix(got[0], "MAIL FROM:<support@desk.example>") || len(got) != len(replies) || p.r.Buffered() > 0 {
		p.errorf("the envelope is %q, and %d bytes more", got, p.r.Buffered())
	}
	p.say(replies...)
}

// whole reads the letter and takes it.
func (p *peer) whole() {
	p.t.Helper()
	if got := p.body(); got != letterBytes {
		p.errorf("the letter arrived as %q", got)
	}
	p.say("250 2.0.0 taken")
}

// Tried: every way in which an envelope that was sent in one write may be answered. The connection must be in
// step afterwards: the next letter goes over it.
func TestEnvelopeInOneWrite(t *testing.T) {
	t.Parallel()
	two := []string{"ann@client.example", "bob@client.example"}
	for name, c := range map[string]struct {
		to      []string
		first   func(p *peer)
		outcome Outcome
		stage   Stage
		code    int
		refused int
		clean   bool // no RSET is needed
	}{
		"taken":                {two[:1], func(p *peer) { p.ahead("250 ok", "250 ok", "354 go"); p.whole() }, Accepted, StageReply, 250, 0, true},
		"one of two refused":   {two, func(p *peer) { p.ahead("250 ok", "550 no", "250 ok", "354 go"); p.whole() }, Accepted, StageReply, 250, 1, true},
		"sender refused":       {two[:1], func(p *peer) { p.ahead("550 5.7.1 not you", "503 first", "503 first") }, Permanent, StageMail, 550, 0, false},
		"sender refused later": {two[:1], func(p *peer) { p.ahead("451 later", "503 first", "503 first") }, Temporary, StageMail, 451, 0, false},
		"all refused":          {two, func(p *peer) { p.ahead("250 ok", "550 no", "450 later", "554 nobody") }, Temporary, StageRcpt, 450, 2, false},
		"all refused, and yet go": {two[:1], func(p *peer) {
			p.ahead("250 ok", "550 5.1.1 no", "354 go")
			p.answer(".", "554 nobody")
		}, Permanent, StageRcpt, 550, 1, false},
		"DATA refused": {two[:1], func(p *peer) { p.ahead("250 ok", "250 ok", "452 full") }, Temporary, StageData, 452, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := listen(t, func(p *peer) {
				p.eager()
				c.first(p)
				if !c.clean {
					p.answer("RSET", "250 ok")
				}
				p.ahead("250 ok", "250 ok", "354 go")
				p.whole()
				p.gone()
			})
			pool := newPool(t, 1, quick)
			res := pool.Send(t.Context(), a, Envelope{From: envelope.From, To: c.to}, strings.NewReader(letterBytes))
			expect(t, res, c.outcome, c.stage, c.code)
			if len(res.Rejected) != c.refused {
				t.Errorf("refused: %+v", res.Rejected)
			}
			expect(t, send(pool, a), Accepted, StageReply, 250)
			pool.Close()
		})
	}
}

// Tried: a server that says goodbye, nonsense or nothing among the replies to what was said ahead. The connection
// is of no more use, and nobody has the letter.
func TestEnvelopeInOneWriteAndThenTheEnd(t *testing.T) {
	t.Parallel()
	for replies, want := range map[string]struct {
		stage Stage
		code  int
	}{
		"421 closing":                   {StageMail, 421},
		"250 ok\r\n421 closing":         {StageRcpt, 421},
		"250 ok\r\nhello":               {StageRcpt, 0},
		"250 ok":                        {StageRcpt, 0},
		"250 ok\r\n250 ok\r\n250 ok":    {StageData, 250},
		"550 no\r\n503 no\r\n421 bye":   {StageMail, 550},
		"550 no\r\n354 what\r\n250 odd": {StageMail, 550},
		"550 no":                        {StageMail, 550},
	} {
		t.Run(fmt.Sprintf("%q", replies), func(t *testing.T) {
			t.Parallel()
			times := quick
			times.Command = 300 * time.Millisecond
			a := listen(t,
				func(p *peer) { p.eager(); p.ahead(strings.Split(replies+"\r\n-\r\n-", "\r\n")[:3]...); p.gone() },
				func(p *peer) { p.eager(); p.ahead("250 ok", "250 ok", "354 go"); p.whole(); p.gone() })
			pool := newPool(t, 1, times)
			expect(t, send(pool, a), map[bool]Outcome{true: Permanent, false: Temporary}[want.code == 550], want.stage, want.code)
			expect(t, send(pool, a), Accepted, StageReply, 250)
			pool.Close()
		})
	}
}

// Tried: a kept connection that the server has closed meanwhile, and more recipients than go ahead.
func TestEnvelopeAheadOfAClosedConnectionAndOfManyRecipients(t *testing.T) {
	t.Parallel()
	a := listen(t,
		func(p *peer) { p.eager(); p.ahead("250 ok", "250 ok", "354 go"); p.whole() },
		func(p *peer) {
			p.eager()
			p.ahead("250 ok", "250 ok", "354 go")
			p.whole()
			p.answer("MAIL", "250 ok")
			for range maxAhead + 1 {
				p.answer("RCPT", "250 ok")
			}
			p.answer("DATA", "354 go")
			p.whole()
			p.gone()
		})
	pool := newPool(t, 1, quick)
	for range 2 {
		expect(t, send(pool, a), Accepted, StageReply, 250)
	}
	many := Envelope{From: envelope.From, To: slices.Repeat([]string{"ann@client.example"}, maxAhead+1)}
	expect(t, pool.Send(t.Context(), a, many, strings.NewReader(letterBytes)), Accepted, StageReply, 250)
	pool.Close()
}
