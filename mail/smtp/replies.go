package smtp

import (
	"net/textproto"
	"strconv"
	"strings"
)

// readReply reads one reply, however many lines it has. net/textproto's reader insists on a text after the code,
// which a server may leave out (RFC 5321 section 4.2): a bare 250 to the letter would make it a doubtful one.
func (s *session) readReply() (code int, text string, err error) {
	line, err := s.Text.ReadLine()
	if err != nil {
		return 0, "", err
	}
	code, last, text, ok := replyLine(line)
	if !ok {
		return 0, "", errGarbage
	}
	for !last {
		if line, err = s.Text.ReadLine(); err != nil {
			return 0, "", err
		}
		// Some servers repeat the code on the last line alone.
		again, end, more, ok := replyLine(line)
		if !ok || again != code {
			end, more = false, line
		}
		text, last = text+"\n"+more, end
	}
	return code, text, nil
}

// replyLine takes one line apart; last tells that no other follows.
func replyLine(line string) (code int, last bool, text string, ok bool) {
	digits, rest := line[:min(3, len(line))], line[min(3, len(line)):]
	code, err := strconv.Atoi(digits)
	if err != nil || len(digits) < 3 || code < 100 || rest != "" && rest[0] != ' ' && rest[0] != '-' {
		return 0, false, "", false
	}
	return code, !strings.HasPrefix(rest, "-"), rest[min(1, len(rest)):], true
}

// readExpected is readReply for a code, or its first digits; another one is the error.
func (s *session) readExpected(expect int) error {
	code, text, err := s.readReply()
	if err == nil && !strings.HasPrefix(strconv.Itoa(code), strconv.Itoa(expect)) {
		err = &textproto.Error{Code: code, Msg: text}
	}
	return err
}
