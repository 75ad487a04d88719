package smtp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestConnectionIsKeptBetweenLetters(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) { p.hello(); p.accept(); p.accept(); p.accept(); p.gone() })
	p := newPool(t, 1, quick)
	for range 3 {
		expect(t, send(p, a), Accepted, StageReply, 250)
	}
}

func TestRefusedLetterLeavesTheConnectionUsable(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) {
		p.hello()
		p.answer("MAIL", "550 not you")
		p.answer("RSET", "250 ok")
		p.answer("MAIL", "250 ok")
		p.answer("RCPT", "450 later")
		p.answer("RSET", "250 ok")
		p.upToData()
		p.body()
		p.say("554 spam")
		p.answer("RSET", "250 ok")
		p.accept()
		p.accept()
		p.gone()
	})
	p := newPool(t, 1, quick)
	expect(t, send(p, a), Permanent, StageMail, 550)
	expect(t, send(p, a), Temporary, StageRcpt, 450)
	expect(t, send(p, a), Permanent, StageReply, 554)
	expect(t, send(p, a), Accepted, StageReply, 250)
	expect(t, send(p, a), Accepted, StageReply, 250)
}

func TestDeadKeptConnectionIsReplacedOnce(t *testing.T) {
	t.Parallel()
	fresh := func(p *peer) { p.hello(); p.accept(); p.gone() }
	for name, dies := range map[string]func(p *peer){
		"421 as reply":   func(p *peer) { p.answer("MAIL", "421 4.4.2 closing") },
		"421 unasked":    func(p *peer) { p.say("421 idle for too long") },
		"closed":         func(p *peer) {},
		"reset":          func(p *peer) { p.reset() },
		"closed at MAIL": func(p *peer) { p.want("MAIL") },
		"silent":         func(p *peer) { p.want("MAIL"); p.gone() },
		"garbage":        func(p *peer) { p.answer("MAIL", "what?"); p.gone() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			died := make(chan struct{})
			a := listen(t, func(p *peer) {
				p.hello()
				p.accept()
				if name == "421 as reply" || name == "silent" || strings.Contains(name, "MAIL") || name == "garbage" {
					close(died)
					dies(p)
					return
				}
				dies(p)
				_ = p.conn.Close()
				close(died)
			}, fresh)
			times := quick
			times.Command = 300 * time.Millisecond
			p := newPool(t, 1, times)
			expect(t, send(p, a), Accepted, StageReply, 250)
			<-died
			expect(t, send(p, a), Accepted, StageReply, 250)
		})
	}
}

func TestFreshConnectionIsNotReplaced(t *testing.T) {
	t.Parallel()
	kept := func(p *peer) { p.hello(); p.accept(); p.want("MAIL") }
	a := listen(t, kept, func(p *peer) { p.hello(); p.answer("MAIL", "421 busy") })
	p := newPool(t, 1, quick)
	expect(t, send(p, a), Accepted, StageReply, 250)
	expect(t, send(p, a), Temporary, StageMail, 421)
}

func TestNothingIsSentTwiceOnceMailWasAccepted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rest    func(p *peer)
		outcome Outcome
		stage   Stage
		code    int
	}{
		{func(p *peer) { p.answer("MAIL", "250 ok"); p.want("RCPT") }, Temporary, StageRcpt, 0},
		{func(p *peer) { p.answer("MAIL", "250 ok"); p.answer("RCPT", "421 bye") }, Temporary, StageRcpt, 421},
		{func(p *peer) { p.answer("MAIL", "250 ok"); p.answer("RCPT", "250 ok"); p.want("DATA") }, Temporary, StageData, 0},
		{func(p *peer) { p.upToData(); p.body() }, Unknown, StageReply, 0},
	} {
		a := listen(t, func(p *peer) { p.hello(); p.accept(); c.rest(p) })
		p := newPool(t, 1, quick)
		expect(t, send(p, a), Accepted, StageReply, 250)
		expect(t, send(p, a), c.outcome, c.stage, c.code)
	}
}

func TestContextEndsWhileAKeptConnectionDelivers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := listen(t, func(p *peer) {
		p.hello()
		p.accept()
		p.upToData()
		p.body()
		cancel()
		time.Sleep(50 * time.Millisecond)
		p.say("250 ok")
		p.gone()
	})
	p := newPool(t, 1, quick)
	expect(t, send(p, a), Accepted, StageReply, 250)
	res := p.Send(ctx, a, envelope, strings.NewReader(letterBytes))
	expect(t, res, Accepted, StageReply, 250)
}

func TestUnaskedWordsAreNotTakenForAReply(t *testing.T) {
	t.Parallel()
	a := listen(t,
		func(p *peer) { p.hello(); p.upToData(); p.body(); p.say("250 ok", "250 and more"); p.gone() },
		func(p *peer) { p.hello(); p.accept(); p.gone() })
	p := newPool(t, 1, quick)
	expect(t, send(p, a), Accepted, StageReply, 250)
	expect(t, send(p, a), Accepted, StageReply, 250)
}

func TestSomeRecipientsRefused(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) {
		p.hello()
		p.answer("MAIL FROM:<> BODY", "250 ok")
		p.answer("RCPT TO:<a@x.example>", "550 5.1.1 no such a")
		p.answer("RCPT TO:<b@x.example>", "250 ok")
		p.answer("RCPT TO:<c@x.example>", "452 4.5.3 too many")
		p.answer("DATA", "354 go")
		p.body()
		p.say("250 ok")
		p.gone()
	})
	e := Envelope{To: []string{"a@x.example", "b@x.example", "c@x.example", "not an address"}}
	res := newPool(t, 1, quick).Send(t.Context(), a, e, strings.NewReader(letterBytes))
	expect(t, res, Accepted, StageReply, 250)
	got := map[string]Outcome{}
	for _, r := range res.Rejected {
		got[r.Address] = r.Outcome
	}
	if len(got) != 3 || got["a@x.example"] != Permanent || got["c@x.example"] != Temporary || got["not an address"] != Permanent {
		t.Errorf("rejected %+v", res.Rejected)
	}
}

func TestAllRecipientsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, second string
		outcome       Outcome
		code          int
	}{
		{"550 no", "551 no", Permanent, 550},
		{"550 no", "450 later", Temporary, 450},
		{"450 later", "451 later", Temporary, 450},
	} {
		a := listen(t, func(p *peer) {
			p.hello()
			p.answer("MAIL", "250 ok")
			p.answer("RCPT", c.first)
			p.answer("RCPT", c.second)
			p.gone()
		})
		p := newPool(t, 1, quick)
		e := Envelope{From: "s@desk.example", To: []string{"a@x.example", "b@x.example"}}
		res := p.Send(t.Context(), a, e, strings.NewReader(letterBytes))
		expect(t, res, c.outcome, StageRcpt, c.code)
		if len(res.Rejected) != 2 {
			t.Errorf("rejected %+v", res.Rejected)
		}
		p.Close()
	}
}

func TestEnvelopeThatNoServerCouldTake(t *testing.T) {
	t.Parallel()
	a := listen(t) // nobody may connect
	p := newPool(t, 1, quick)
	for name, e := range map[string]Envelope{
		"no recipient":      {From: "s@desk.example"},
		"injected command":  {From: "s@desk.example", To: []string{"a@x.example>\r\nRCPT TO:<b@x.example"}},
		"injected sender":   {From: "s@desk.example>\r\nRSET", To: []string{"a@x.example"}},
		"parameter in path": {From: "s@desk.example", To: []string{"a@x.example> NOTIFY=NEVER"}},
	} {
		res := p.Send(t.Context(), a, e, strings.NewReader(letterBytes))
		if res.Outcome != Permanent || res.Code != 0 || res.Text == "" {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

func TestAddressesOutsideASCII(t *testing.T) {
	t.Parallel()
	without := listen(t, func(p *peer) {
		p.hello()
		p.answer("MAIL FROM:<support@desk.example> BODY=8BITMIME", "250 ok")
		p.answer("RCPT TO:<zoe@xn--mller-kva.example>", "250 ok")
		p.answer("DATA", "354 go")
		p.body()
		p.say("250 ok")
		p.gone()
	})
	with := listen(t, func(p *peer) {
		p.say("220 ready")
		p.answer("EHLO", "250-here", "250-8BITMIME", "250 SMTPUTF8")
		p.answer("MAIL FROM:<zoë@desk.example> BODY=8BITMIME SMTPUTF8", "250 ok")
		p.answer("RCPT TO:<ann@client.example>", "250 ok")
		p.answer("DATA", "354 go")
		p.body()
		p.say("250 ok")
		p.answer("MAIL FROM:<support@desk.example> BODY=8BITMIME", "550 enough")
		p.gone()
	})
	p := newPool(t, 1, quick)
	e := Envelope{From: envelope.From, To: []string{"zoe@müller.example", "zoë@x.example"}}
	res := p.Send(t.Context(), without, e, strings.NewReader(letterBytes))
	expect(t, res, Accepted, StageReply, 250)
	if len(res.Rejected) != 1 || res.Rejected[0].Enhanced != "5.6.7" || res.Rejected[0].Outcome != Permanent {
		t.Errorf("rejected %+v", res.Rejected)
	}
	e.To = e.To[1:]
	expect(t, p.Send(t.Context(), without, e, strings.NewReader(letterBytes)), Permanent, StageRcpt, 0)
	e = Envelope{From: "zoë@desk.example", To: envelope.To}
	expect(t, p.Send(t.Context(), without, e, strings.NewReader(letterBytes)), Permanent, StageMail, 0)
	expect(t, p.Send(t.Context(), with, e, strings.NewReader(letterBytes)), Accepted, StageReply, 250)
	expect(t, send(p, with), Permanent, StageMail, 550)
}

func TestIdleConnectionCloses(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	a := listen(t, func(p *peer) {
		p.hello()
		p.accept()
		p.want("QUIT")
		close(closed)
	}, func(p *peer) { p.hello(); p.accept(); p.want("QUIT") })
	p := NewPool(1, 50*time.Millisecond, quick)
	expect(t, send(p, a), Accepted, StageReply, 250)
	<-closed
	p.mu.Lock()
	if len(p.lanes) != 0 {
		t.Errorf("%d lanes stay after the last connection closed", len(p.lanes))
	}
	p.mu.Unlock()
	expect(t, send(p, a), Accepted, StageReply, 250)
	p.Close()
}

func TestClosedPool(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) { p.hello(); p.accept(); p.want("QUIT") })
	p := NewPool(1, time.Minute, quick)
	expect(t, send(p, a), Accepted, StageReply, 250)
	p.Close()
	p.Close()
	expect(t, send(p, a), Temporary, StageConnect, 0)
}

func TestWaitingForASlotEndsWithTheContext(t *testing.T) {
	t.Parallel()
	busy, release := make(chan struct{}), make(chan struct{})
	a := listen(t, func(p *peer) {
		p.hello()
		p.want("MAIL")
		close(busy)
		<-release
		p.say("450 later")
		p.gone()
	})
	p := newPool(t, 1, quick)
	first := make(chan Result)
	go func() { first <- send(p, a) }()
	<-busy
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	expect(t, p.Send(ctx, a, envelope, strings.NewReader(letterBytes)), Temporary, StageConnect, 0)
	close(release)
	expect(t, <-first, Temporary, StageMail, 450)
}

func TestCheckNamesTheStage(t *testing.T) {
	t.Parallel()
	good := listen(t, func(p *peer) { p.hello(); p.want("QUIT") })
	p := newPool(t, 1, quick)
	if err := p.Check(t.Context(), good); err != nil {
		t.Error(err)
	}
	bad := listen(t, func(p *peer) { p.say("554 5.7.1 you@secret.example are not welcome") })
	err := p.Check(t.Context(), bad)
	f, ok := errors.AsType[*Failure](err)
	if !ok || f.Stage != StageGreeting || f.Code != 554 || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	odd := good
	odd.Security = "ssl"
	if err := p.Check(t.Context(), odd); !errors.Is(err, ErrSecurity) {
		t.Errorf("got %v", err)
	}
}

// Tried: the limit falls while letters are under way and connections are kept, and rises while letters wait.
func TestLimitChangesWhileTheProgramRuns(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 1)
	keeps := func(p *peer) {
		p.hello()
		p.accept()
		p.want("QUIT")
		gone <- struct{}{}
	}
	a := listen(t, keeps)
	p := newPool(t, 2, quick)
	hold := func() *Slot {
		slot, err := p.Reserve(t.Context(), a)
		if err == nil {
			err = slot.Turn(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
		return slot
	}
	first := hold() // so that the letter needs a connection beside another's
	expect(t, send(p, a), Accepted, StageReply, 250)
	p.Limit(0) // at least one
	<-gone     // the kept one is beyond that
	entered := make(chan *Slot)
	enter := func() { entered <- hold() }
	go enter()
	go enter()
	select {
	case <-entered:
		t.Fatal("a second letter is under way beside the one that is allowed")
	case <-time.After(50 * time.Millisecond):
	}
	p.Limit(2)
	second := <-entered // a risen limit lets a letter go on
	select {
	case <-entered:
		t.Fatal("three letters are under way and two are allowed")
	case <-time.After(50 * time.Millisecond):
	}
	first.Release()
	(<-entered).Release()
	second.Release()
	if p.mu.Lock(); len(p.lanes) != 0 {
		t.Errorf("%d lanes stay", len(p.lanes))
	}
	p.mu.Unlock()
}

// Tried: one connection. A second letter is made ready while the first is sent, a third is not; the second goes on
// when the first is out, and one that gives up its wait leaves its place to the others.
func TestOneLetterIsMadeReadyWhileAnotherIsSent(t *testing.T) {
	t.Parallel()
	a := listen(t)
	p := newPool(t, 1, quick)
	reserve := func() *Slot {
		t.Helper()
		slot, err := p.Reserve(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		return slot
	}
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	first, second := reserve(), reserve()
	if err := first.Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Reserve(soon(), a); err == nil {
		t.Error("a third letter has a slot")
	}
	if err := second.Turn(soon()); err == nil {
		t.Error("two letters have the one connection")
	}
	first.Release()
	if err := second.Turn(t.Context()); err != nil {
		t.Error(err)
	}
	third := reserve()
	third.Release() // without its turn
	second.Release()
	if p.mu.Lock(); len(p.lanes) != 0 {
		t.Errorf("%d lanes stay", len(p.lanes))
	}
	p.mu.Unlock()
}
