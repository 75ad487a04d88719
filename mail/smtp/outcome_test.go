package smtp

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// stages lead a connection up to a stage and let it say anything there.
var stages = []struct {
	stage Stage
	run   func(p *peer, say ...string)
}{
	{StageGreeting, func(p *peer, say ...string) { p.say(say...) }},
	{StageHello, func(p *peer, say ...string) {
		p.say("220 ready")
		p.answer("EHLO", say...)
		p.answer("HELO", say...) // the fallback gets the same words
	}},
	{StageMail, func(p *peer, say ...string) { p.hello(); p.answer("MAIL", say...) }},
	{StageRcpt, func(p *peer, say ...string) { p.hello(); p.answer("MAIL", "250 ok"); p.answer("RCPT", say...) }},
	{StageData, func(p *peer, say ...string) {
		p.hello()
		p.answer("MAIL", "250 ok")
		p.answer("RCPT", "250 ok")
		p.answer("DATA", say...)
	}},
	{StageReply, func(p *peer, say ...string) { p.hello(); p.upToData(); p.body(); p.say(say...) }},
}

func TestRefusalsAtEveryStage(t *testing.T) {
	t.Parallel()
	for _, s := range stages {
		for _, c := range []struct {
			say     []string
			code    int
			outcome Outcome
		}{
			{[]string{"450 4.2.1 later"}, 450, Temporary},
			{[]string{"421 closing"}, 421, Temporary},
			{[]string{"550-5.7.1 no", "550 5.7.1 never"}, 550, Permanent},
			{[]string{"530 5.7.0 log in first"}, 530, Temporary},
		} {
			t.Run(string(s.stage)+" "+c.say[0], func(t *testing.T) {
				t.Parallel()
				a := listen(t, func(p *peer) { s.run(p, c.say...); p.gone() })
				res := send(newPool(t, 1, quick), a)
				want := c.outcome
				if s.stage.accounts() {
					want = Temporary // it is not about the letter
				}
				expect(t, res, want, s.stage, c.code)
				if c.code == 550 && (res.Enhanced != "5.7.1" || res.Text != "no never") {
					t.Errorf("words: %q %q", res.Enhanced, res.Text)
				}
			})
		}
	}
}

func TestGarbageAtEveryStage(t *testing.T) {
	t.Parallel()
	for _, s := range stages {
		for _, garbage := range []string{"\xff\x00\x01", "HTTP/1.1 200 OK", "25", "999999 x", "", strings.Repeat("250-x\r\n", 50_000)} {
			t.Run(string(s.stage)+" "+garbage[:min(9, len(garbage))], func(t *testing.T) {
				t.Parallel()
				a := listen(t, func(p *peer) {
					// What the client still says after garbage is up to it.
					p.errorf = func(string, ...any) {}
					s.run(p, garbage)
				})
				times := quick
				times.Command, times.Reply = 500*time.Millisecond, 500*time.Millisecond
				res := send(newPool(t, 1, times), a)
				want := Temporary
				if s.stage == StageReply {
					want = Unknown
				}
				expect(t, res, want, s.stage, 0)
			})
		}
	}
}

func TestUnexpectedCodeIsNotSuccess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stage   int
		say     string
		outcome Outcome
		code    int
	}{
		{0, "354 ready?", Temporary, 354},
		{4, "250 ok, but no 354", Temporary, 250},
		{5, "354 again", Unknown, 354},
		{5, "251 fine too", Accepted, 251},
	} {
		a := listen(t, func(p *peer) { stages[c.stage].run(p, c.say); p.gone() })
		p := newPool(t, 1, quick)
		expect(t, send(p, a), c.outcome, stages[c.stage].stage, c.code)
		p.Close()
	}
}

func TestMultiLineRepliesEverywhere(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) {
		p.say("220-hello", "220-you are logged", "220 ready")
		p.answer("EHLO", "250-here", "250-SIZE 99", "250-8BITMIME", "250 HELP")
		p.answer("MAIL FROM:<support@desk.example> BODY=8BITMIME", "250-sender", "250 ok")
		p.answer("RCPT", "250-rcpt", "250 ok")
		p.answer("DATA", "354-go", "354 on")
		p.body()
		p.say("250-2.0.0 queued", "250-2.0.0 as", "250 2.0.0 7")
		p.gone()
	})
	res := send(newPool(t, 1, quick), a)
	expect(t, res, Accepted, StageReply, 250)
	if res.Enhanced != "2.0.0" || res.Text != "queued as 7" {
		t.Errorf("words: %q %q", res.Enhanced, res.Text)
	}
}

func TestConnectionLostBeforeTheDot(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(p *peer){
		"closed": func(p *peer) {},
		"reset":  func(p *peer) { p.reset() },
	} {
		a := listen(t, func(p *peer) {
			p.hello()
			p.upToData()
			_, _ = io.CopyN(io.Discard, p.r, 1000)
			end(p)
		})
		big := strings.NewReader(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 500_000))
		res := newPool(t, 1, quick).Send(t.Context(), a, envelope, big)
		t.Log(name, res.Text)
		expect(t, res, Temporary, StageBody, 0)
	}
}

func TestServerThatStopsReadingIsLeft(t *testing.T) {
	t.Parallel()
	big := func() io.Reader { return strings.NewReader(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 500_000)) }
	times := quick
	times.Block = 300 * time.Millisecond
	silent := listen(t, func(p *peer) { p.hello(); p.upToData(); time.Sleep(1500 * time.Millisecond) })
	expect(t, newPool(t, 1, times).Send(t.Context(), silent, envelope, big()), Temporary, StageBody, 0)
	full := listen(t, func(p *peer) {
		p.hello()
		p.upToData()
		p.say("552 5.3.4 too big")
		time.Sleep(1500 * time.Millisecond)
	})
	expect(t, newPool(t, 1, times).Send(t.Context(), full, envelope, big()), Permanent, StageBody, 552)
}

func TestConnectionLostAfterTheDot(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(p *peer){
		"closed": func(p *peer) {},
		"reset":  func(p *peer) { p.reset() },
		"cut":    func(p *peer) { _, _ = io.WriteString(p.conn, "25") },
	} {
		a := listen(t, func(p *peer) { p.hello(); p.upToData(); p.body(); end(p) })
		res := send(newPool(t, 1, quick), a)
		t.Log(name, res.Text)
		expect(t, res, Unknown, StageReply, 0)
	}
}

func TestSilenceAfterTheDotIsUnknown(t *testing.T) {
	t.Parallel()
	times := quick
	times.Reply = 50 * time.Millisecond
	a := listen(t, func(p *peer) { p.hello(); p.upToData(); p.body(); p.gone() })
	expect(t, send(newPool(t, 1, times), a), Unknown, StageReply, 0)
}

func TestSlowServerRunsIntoItsDeadline(t *testing.T) {
	t.Parallel()
	times := quick
	times.Greeting = 200 * time.Millisecond
	silent := listen(t, func(p *peer) { p.gone() })
	dribble := listen(t, func(p *peer) {
		for range 50 {
			_, _ = io.WriteString(p.conn, "2")
			time.Sleep(20 * time.Millisecond)
		}
	})
	for _, a := range []Account{silent, dribble} {
		began := time.Now()
		expect(t, send(newPool(t, 1, times), a), Temporary, StageGreeting, 0)
		if took := time.Since(began); took > 800*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
	}
	late := listen(t, func(p *peer) { time.Sleep(100 * time.Millisecond); p.hello(); p.accept(); p.gone() })
	expect(t, send(newPool(t, 1, quick), late), Accepted, StageReply, 250)
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	a := listen(t)
	a.Port = 1 // tcpmux: nobody has it
	expect(t, send(newPool(t, 1, quick), a), Temporary, StageConnect, 0)
}

func TestLetterThatCannotBeReadIsNotSent(t *testing.T) {
	t.Parallel()
	a := listen(t, func(p *peer) {
		p.hello()
		p.upToData()
		if rest, _ := io.ReadAll(p.r); strings.Contains(string(rest), "\r\n.\r\n") {
			t.Errorf("half a letter was ended with a dot: %q", rest)
		}
	})
	gone := errors.New("blob is gone")
	raw := io.MultiReader(strings.NewReader("Subject: half\r\n"), errorReader{gone})
	res := newPool(t, 1, quick).Send(t.Context(), a, envelope, raw)
	expect(t, res, Temporary, StageBody, 0)
	if !strings.Contains(res.Text, "could not be read") {
		t.Errorf("text %q", res.Text)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestContextEndsBeforeTheLetterIsOut(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := listen(t, func(p *peer) { p.hello(); p.want("MAIL"); cancel(); p.gone() })
	res := newPool(t, 1, quick).Send(ctx, a, envelope, strings.NewReader(letterBytes))
	expect(t, res, Temporary, StageMail, 0)
	if res.Text != context.Canceled.Error() {
		t.Errorf("text %q", res.Text)
	}
	res = newPool(t, 1, quick).Send(ctx, a, envelope, strings.NewReader(letterBytes))
	expect(t, res, Temporary, StageConnect, 0)
}

func TestContextEndsDuringTheLetter(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := listen(t, func(p *peer) {
		p.hello()
		p.upToData()
		_, _ = p.r.ReadByte()
		cancel()
		if rest, _ := io.ReadAll(p.r); strings.HasSuffix(string(rest), "\r\n.\r\n") {
			t.Error("the letter was ended with a dot")
		}
	})
	endless := readerFunc(func(b []byte) (int, error) { return copy(b, "line\r\n"), nil })
	res := newPool(t, 1, quick).Send(ctx, a, envelope, endless)
	expect(t, res, Temporary, StageBody, 0)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// TestContextEndsAfterTheDot: a shutdown must not turn delivered letters into
// doubtful ones when the reply is about to come.
func TestContextEndsAfterTheDot(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	patient := listen(t, func(p *peer) {
		p.hello()
		p.upToData()
		p.body()
		cancel()
		time.Sleep(100 * time.Millisecond)
		p.say("250 ok")
		p.gone()
	})
	res := newPool(t, 1, quick).Send(ctx, patient, envelope, strings.NewReader(letterBytes))
	expect(t, res, Accepted, StageReply, 250)

	ctx2, cancel2 := context.WithCancel(t.Context())
	times := quick
	times.Grace = 50 * time.Millisecond
	silent := listen(t, func(p *peer) { p.hello(); p.upToData(); p.body(); cancel2(); p.gone() })
	res = newPool(t, 1, times).Send(ctx2, silent, envelope, strings.NewReader(letterBytes))
	expect(t, res, Unknown, StageReply, 0)
}
