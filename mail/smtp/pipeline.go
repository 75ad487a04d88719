package smtp

import "fmt"

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

// drain reads the replies to commands that were said ahead and have become pointless: the sender or every
// recipient was refused.
func (s *session) drain() {
	for ; s.ahead > 0 && !s.broken; s.ahead-- {
		s.wire.step(s.timeouts.Command)
		code, _, err := s.Text.ReadResponse(0)
		if err == nil && code == 354 && s.ahead == 1 {
			code, err = s.endEmpty()
		}
		s.broken = err != nil || code == 421 || code < 200 || code > 599 || code/100 == 3
	}
}

// endEmpty ends a letter without recipients that the server waits for all the same, with a lone dot (RFC 2920
// section 3.1).
func (s *session) endEmpty() (code int, err error) {
	s.wire.step(s.timeouts.Command)
	if err := s.Text.PrintfLine("."); err != nil {
		return 0, err
	}
	code, _, err = s.Text.ReadResponse(0)
	return code, err
}
