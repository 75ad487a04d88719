package smtp

import (
	"fmt"
	"time"
)

// maxAhead bounds the recipients that are named ahead: all commands together must fit where neither side has
// to read before it has written (RFC 2920 section 3.1).
const maxAhead = 20

// sayAhead sends the whole envelope in one write where the server allows it (RFC 2920): a letter then costs
// two round trips instead of four. The commands that follow only read their replies.
func (s *session) sayAhead(mail string, r *route) error {
	if ok, _ := s.Extension("PIPELINING"); !ok || len(r.to) > maxAhead {
		return nil
	}
	s.wire.step(s.timeouts.Command)
	lines := mail + "\r\n"
	for _, to := range r.to {
		lines += fmt.Sprintf("RCPT TO:<%s>\r\n", to)
	}
	if _, err := s.Text.W.WriteString(lines + "DATA\r\n"); err != nil {
		return err
	}
	s.ahead = 1 + len(r.to) + 1
	return s.Text.W.Flush()
}

// drainTime is for all replies that drain reads. The result is known already and its slot is wanted: a server
// that threw the rest of the commands away loses its connection rather than time.
const drainTime = 2 * time.Second

// drain reads the replies to commands that were said ahead and have become pointless: the sender or every
// recipient was refused.
func (s *session) drain() {
	s.wire.step(min(drainTime, s.timeouts.Command))
	for ; s.ahead > 0 && !s.broken; s.ahead-- {
		code, _, err := s.readReply()
		if err == nil && code == 354 && s.ahead == 1 {
			code, err = s.endEmpty()
		}
		s.broken = err != nil || code == 421 || code < 200 || code > 599 || code/100 == 3
	}
}

// endEmpty ends a letter without recipients that the server waits for all the same, with a lone dot (RFC 2920
// section 3.1).
func (s *session) endEmpty() (code int, err error) {
	if err := s.Text.PrintfLine("."); err != nil {
		return 0, err
	}
	code, _, err = s.readReply()
	return code, err
}
