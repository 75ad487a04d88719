package smtp

import (
	"context"
	"errors"
	"testing"
)

// Tried: a server that takes all, one that refuses the sender, one that relays nothing, limits of several spellings.
// No server may hear of DATA.
func TestTrialSendsNothing(t *testing.T) {
	t.Parallel()
	hello := func(size string) func(*peer) {
		return func(p *peer) {
			p.say("220 here")
			p.answer("EHLO", "250-here", "250-PIPELINING", "250 "+size)
		}
	}
	for name, c := range map[string]struct {
		size   string
		script func(*peer)
		limit  int64
		stage  Stage
		code   int
	}{
		"all is taken": {"SIZE 35882577", func(p *peer) {
			p.answer("MAIL FROM:<desk+b@desk.example>", "250 ok")
			p.answer("RCPT TO:<ann@team.example>", "250 ok")
			p.answer("RSET", "250 ok")
			p.want("QUIT")
		}, 35882577, "", 0},
		"the sender is refused": {"SIZE", func(p *peer) {
			p.answer("MAIL", "553 5.7.1 not yours")
			p.want("QUIT")
		}, 0, StageMail, 553},
		"nothing is relayed": {"SIZE 0", func(p *peer) {
			p.answer("MAIL", "250 ok")
			p.answer("RCPT", "554 5.7.1 relay access denied")
			p.want("QUIT")
		}, 0, StageRcpt, 554},
		"the limit is no number": {"SIZE -1", func(p *peer) {
			p.answer("MAIL", "250 ok")
			p.answer("RCPT", "250 ok")
			p.answer("RSET", "250 ok")
			p.want("QUIT")
		}, 0, "", 0},
	} {
		a := listen(t, func(p *peer) { hello(c.size)(p); c.script(p) })
		offer, err := newPool(t, 1, quick).Try(context.Background(), a, Envelope{From: "desk+b@desk.example", To: []string{"ann@team.example"}})
		var f *Failure
		if errors.As(err, &f); offer.MaxBytes != c.limit || (f == nil) != (c.stage == "") || f != nil && (f.Stage != c.stage || f.Code != c.code) {
			t.Errorf("%s: %+v, %v", name, offer, err)
		}
	}
	s, a := serve(t, nil, false)
	if _, err := newPool(t, 1, quick).Try(context.Background(), a, Envelope{From: "a@desk.example"}); err != nil || s.count != 0 {
		t.Errorf("a real server: %v, %d emails", err, s.count)
	}
	if _, err := newPool(t, 1, quick).Try(context.Background(), a, Envelope{From: "a@desk.example\r\nDATA"}); err == nil {
		t.Error("a line end in an address was said")
	}
}
