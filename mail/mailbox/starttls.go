package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// preambleLine is the longest line before TLS.
	preambleLine = 8 << 10
	// preambleLines is how many untagged lines may precede the answer.
	preambleLines = 100
)

// startTLS reads the greeting and asks for TLS; after it the handshake follows.
// It is done here because the library hides the plaintext from the wire's
// limits once it has upgraded a connection.
func startTLS(conn io.ReadWriter) error {
	br := bufio.NewReaderSize(conn, preambleLine)
	greeting, err := preamble(br)
	if err != nil {
		return err
	}
	keyword, rest, _ := untagged(greeting)
	switch keyword {
	case "OK":
	case "BYE":
		return fmt.Errorf("%w: %s", ErrServerGone, clean(string(rest)))
	case "PREAUTH":
		// RFC 9051 7.1.4: who is in before TLS can no longer ask for it; an
		// attacker between would use that.
		return fmt.Errorf("%w: the server calls the plain connection logged in", ErrTLS)
	default:
		return ErrProtocol
	}
	if _, err := io.WriteString(conn, "S1 STARTTLS\r\n"); err != nil {
		return err
	}
	if err := awaitStartTLS(br); err != nil {
		return err
	}
	// RFC 9051 11.1: what came with the answer is not under TLS; somebody
	// between may have put it there.
	if br.Buffered() > 0 {
		return fmt.Errorf("%w: the server went on in plain text after STARTTLS", ErrTLS)
	}
	return nil
}

func awaitStartTLS(br *bufio.Reader) error {
	for range preambleLines {
		line, err := preamble(br)
		if err != nil {
			return err
		}
		answer, tagged := bytes.CutPrefix(line, []byte("S1 "))
		if !tagged {
			continue
		}
		verdict, rest, _ := bytes.Cut(bytes.TrimSpace(answer), []byte(" "))
		if bytes.EqualFold(verdict, []byte("OK")) {
			return nil
		}
		return fmt.Errorf("%w: the server refuses STARTTLS (%s)", ErrTLS, clean(string(rest)))
	}
	return ErrProtocol
}

func preamble(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, ErrProtocol
	}
	return line, err
}
