package smtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"time"
)

// block is how much of a letter goes out under one deadline.
const block = 32 << 10

// lateReply is how long a server that stopped reading may take to say why.
const lateReply = time.Second

// errSource is a letter that could not be read, which is not the server's fault.
var errSource = errors.New("the letter could not be read")

// command sends one command, unless it was said ahead, and reads its reply; expect
// is a code or its first digits (RFC 5321 section 4.2.1).
func (s *session) command(stage Stage, expect int, format string, args ...any) *Failure {
	s.wire.step(s.timeouts.Command)
	var err error
	if s.ahead > 0 {
		s.ahead--
	} else {
		err = s.Text.PrintfLine(format, args...)
	}
	if err == nil {
		err = s.readExpected(expect)
	}
	if err == nil {
		return nil
	}
	f := failed(stage, err)
	s.broken = !f.usable()
	return f
}

// send runs one transaction. dead: the connection failed before MAIL was
// accepted, so that a fresh one cannot make a second copy.
func (s *session) send(ctx context.Context, r *route, raw io.Reader) (res Result, dead bool) {
	stop := s.wire.watch(ctx)
	defer stop()
	if ok, _ := s.Extension("SMTPUTF8"); r.wide && !ok {
		if wide(r.from) {
			return failed(StageMail, errNoUTF8).result(Permanent), false
		}
		r = r.narrow()
	}
	if len(r.to) == 0 {
		return allRefused(r.rejected), false
	}
	if f := s.mail(r); f != nil {
		res, dead = f.result(f.outcome()), s.broken
	} else {
		res = s.deliver(r, raw)
	}
	s.drain()
	if err := context.Cause(ctx); err != nil && res.Code == 0 && res.Outcome == Temporary {
		res.Text = err.Error()
	}
	return res, dead
}

// mail opens the transaction, after it has ended one that was left open.
func (s *session) mail(r *route) *Failure {
	if s.dirty {
		if f := s.command(StageMail, 2, "RSET"); f != nil {
			s.broken = true // what it refused was not the letter
			return f
		}
	}
	params := ""
	if ok, _ := s.Extension("8BITMIME"); ok {
		params += " BODY=8BITMIME"
	}
	if r.wide {
		params += " SMTPUTF8"
	}
	s.dirty = true
	mail := fmt.Sprintf("MAIL FROM:<%s>%s", r.from, params)
	if err := s.sayAhead(mail, r); err != nil {
		s.broken = true
		return failed(StageMail, err)
	}
	return s.command(StageMail, 2, "%s", mail)
}

// deliver goes on after MAIL: recipients, the letter, its reply.
func (s *session) deliver(r *route, raw io.Reader) Result {
	accepted, f := s.recipients(r)
	if f == nil && accepted == 0 {
		return allRefused(r.rejected)
	}
	if f == nil {
		f = s.command(StageData, 354, "DATA")
	}
	if f == nil {
		f = s.body(raw)
	}
	if f != nil {
		return f.result(f.outcome())
	}
	res := s.reply()
	if res.Outcome == Accepted {
		res.Rejected = r.rejected
	}
	return res
}

// recipients names them all. A refusal concerns one of them; only a lost
// connection, or 421 which announces it, ends the attempt.
func (s *session) recipients(r *route) (accepted int, broken *Failure) {
	for i, to := range r.to {
		f := s.command(StageRcpt, 2, "RCPT TO:<%s>", to)
		switch {
		case f == nil:
			accepted++
		case s.broken:
			return accepted, f
		default:
			r.rejected = append(r.rejected, RecipientResult{
				Address: r.asGiven[i], Outcome: f.outcome(),
				Code: f.Code, Enhanced: f.Enhanced, Text: f.Text,
			})
		}
	}
	return accepted, nil
}

// allRefused is Permanent only if every refusal is: those who may get it later
// must not be lost to those who cannot.
func allRefused(rejected []RecipientResult) Result {
	worst := rejected[0]
	for _, rr := range rejected {
		if rr.Outcome == Temporary {
			worst = rr
			break
		}
	}
	return Result{
		Outcome: worst.Outcome, Stage: StageRcpt, Code: worst.Code,
		Enhanced: worst.Enhanced, Text: worst.Text, Rejected: rejected,
	}
}

// body sends the letter and its final dot. A failure means that the dot was
// not handed to the system whole: the server cannot have the letter.
func (s *session) body(raw io.Reader) *Failure {
	if s.out == nil {
		s.out = bufio.NewWriterSize(blockWriter{s}, block)
	}
	dots := textproto.NewWriter(s.out).DotWriter()
	src := &source{r: raw}
	_, err := io.Copy(dots, src)
	if src.err != nil {
		s.broken = true
		return failed(StageBody, fmt.Errorf("%w: %w", errSource, src.err))
	}
	if err == nil {
		err = dots.Close()
	}
	if err == nil {
		return nil
	}
	s.broken = true
	// A server that had enough may have said why before it closed.
	s.wire.step(lateReply)
	code, text, readErr := s.readReply()
	if readErr == nil && code >= 400 {
		return failed(StageBody, &textproto.Error{Code: code, Msg: text})
	}
	return failed(StageBody, err)
}

// reply waits for the server's word on the letter (RFC 5321 section 4.2.5:
// with 250 the server has taken responsibility).
func (s *session) reply() Result {
	s.wire.awaitReply(s.timeouts.Reply)
	code, text, err := s.readReply()
	if err == nil && code >= 200 && code <= 299 {
		s.dirty = false
		res := Result{Outcome: Accepted, Stage: StageReply, Code: code}
		res.Enhanced, res.Text = words(text)
		return res
	}
	if err == nil {
		err = &textproto.Error{Code: code, Msg: text}
	}
	f := failed(StageReply, err)
	s.broken = !f.usable()
	if f.Code < 400 || f.Code > 599 {
		return f.result(Unknown)
	}
	return f.result(f.outcome())
}

// blockWriter gives every block its own deadline.
type blockWriter struct{ s *session }

func (b blockWriter) Write(p []byte) (int, error) {
	b.s.wire.step(b.s.timeouts.Block)
	n, err := b.s.Text.W.Write(p)
	if err != nil {
		return n, err
	}
	return n, b.s.Text.W.Flush()
}

// source remembers that reading failed, to tell it from writing.
type source struct {
	r   io.Reader
	err error
}

func (r *source) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
