package testimap

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// session is a bare IMAP client. The product's library is not used, so that a test server never
// agrees with the code under test by sharing its mistakes.
type session struct {
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	tag  int
}

func (s *Server) login(user string) (*session, error) {
	conn, err := net.DialTimeout("tcp", s.plain, patience)
	if err != nil {
		return nil, err
	}
	c := &session{conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriterSize(conn, 1<<20)}
	if err := c.greetAndLogin(user, s.password); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in as %s: %w", user, err)
	}
	return c, nil
}

func (c *session) greetAndLogin(user, password string) error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.in.ReadString('\n'); err != nil {
		return err
	}
	_, err := c.do("LOGIN " + quote(user) + " " + quote(password))
	return err
}

func (c *session) close() {
	_, _ = c.do("LOGOUT")
	c.conn.Close()
}

// do sends one command and returns its untagged answers.
func (c *session) do(command string) ([]string, error) {
	c.begin()
	c.out.WriteString(command)
	return c.finish(command)
}

func (c *session) begin() {
	c.tag++
	fmt.Fprintf(c.out, "t%d ", c.tag)
}

func (c *session) finish(what string) ([]string, error) {
	verb, _, _ := strings.Cut(what, " ")
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	c.out.WriteString("\r\n")
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	tag := fmt.Sprintf("t%d ", c.tag)
	var answers []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("%s: %w", verb, err)
		}
		line = strings.TrimRight(line, "\r\n")
		rest, mine := strings.CutPrefix(line, tag)
		switch {
		case mine && strings.HasPrefix(rest, "OK"):
			return answers, nil
		case mine:
			return nil, fmt.Errorf("%s: %s", verb, rest)
		}
		answers = append(answers, line)
	}
}

func (c *session) makeFolder(folder string) error {
	if strings.EqualFold(folder, "INBOX") {
		return nil
	}
	_, err := c.do("CREATE " + quote(folder))
	if err != nil && strings.Contains(err.Error(), "[ALREADYEXISTS]") { // RFC 5530 section 3
		return nil
	}
	return err
}

// appendBatch is one MULTIAPPEND (RFC 3502) with literals that do not wait (RFC 7888).
func (c *session) appendBatch(folder string, raws [][]byte, internalDate time.Time) error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	c.begin()
	c.out.WriteString("APPEND " + quote(folder))
	date := internalDate.Format("_2-Jan-2006 15:04:05 -0700") // RFC 3501 section 9, date-time
	for _, raw := range raws {
		fmt.Fprintf(c.out, " \"%s\" {%d+}\r\n", date, len(raw))
		if _, err := io.Copy(c.out, bytes.NewReader(raw)); err != nil {
			return err
		}
	}
	_, err := c.finish("APPEND")
	return err
}

var statusForm = regexp.MustCompile(`\(MESSAGES (\d+) UIDNEXT (\d+) UIDVALIDITY (\d+)\)`)

func (c *session) status(folder string) (validity, next, messages uint32, err error) {
	answers, err := c.do("STATUS " + quote(folder) + " (MESSAGES UIDNEXT UIDVALIDITY)")
	if err != nil {
		return 0, 0, 0, err
	}
	m := statusForm.FindStringSubmatch(strings.Join(answers, " "))
	if m == nil {
		return 0, 0, 0, fmt.Errorf("STATUS: no numbers in %q", answers)
	}
	var n [3]uint32
	for i := range n {
		v, err := strconv.ParseUint(m[i+1], 10, 32)
		if err != nil {
			return 0, 0, 0, err
		}
		n[i] = uint32(v)
	}
	return n[2], n[1], n[0], nil
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func quote(s string) string { return `"` + escape.Replace(s) + `"` }
