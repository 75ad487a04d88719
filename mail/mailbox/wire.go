package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxLine is the longest line, literals not counted; the library itself
	// would read a line without end into memory.
	maxLine = 1 << 20
	// smallLiteral is the largest literal outside of a fetched email: the
	// name of a folder.
	smallLiteral = 64 << 10
)

// wire is the connection as the IMAP library sees it: the server's responses
// with bounded lines and literals, and without those that are not for us.
//
// The library gives up the connection at an untagged response or response code
// that it does not know; RFC 9051 7 allows a server to send any at any time.
type wire struct {
	net.Conn // plaintext: TLS or the guard itself
	guard    *guard
	br       *bufio.Reader

	out     []byte // rest of the line being handed on; aliases br's buffer
	literal int64  // bytes of a literal still to come
	within  bool   // the next line goes on with a response begun before
	text    bool   // the response under way is free text, in which "{5}" means nothing
	drop    bool   // the response under way is not for us
	greeted bool

	limit  atomic.Int64 // largest literal
	exists atomic.Int64 // emails in the open folder, as last reported

	mu       sync.Mutex
	farewell string // text of the server's BYE
	alert    string // text of its last ALERT
}

func newWire(conn net.Conn, g *guard) *wire {
	w := &wire{Conn: conn, guard: g, br: bufio.NewReaderSize(conn, 32<<10)}
	w.limit.Store(smallLiteral)
	return w
}

// Close closes the socket below TLS, whose own closing would wait for a peer
// that does not read.
func (w *wire) Close() error { return w.guard.Close() }

func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

func (w *wire) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		switch {
		case len(w.out) > 0:
			n := copy(b, w.out)
			w.out = w.out[n:]
			return n, nil
		case w.literal > 0 && w.drop:
			n, err := io.CopyN(io.Discard, w.br, w.literal)
			w.literal -= n
			if err != nil {
				return 0, w.ended(err)
			}
		case w.literal > 0:
			n, err := w.br.Read(b[:min(int64(len(b)), w.literal)])
			w.literal -= int64(n)
			return n, w.ended(err)
		default:
			if err := w.nextLine(); err != nil {
				return 0, err
			}
		}
	}
}

// Write spells an empty answer to a challenge as an empty line (RFC 9051 6.2.2): the library writes "=", which
// stands for it only behind a command (RFC 4959 3).
func (w *wire) Write(b []byte) (int, error) {
	if string(b) != "=\r\n" {
		return w.Conn.Write(b)
	}
	if _, err := w.Conn.Write(b[1:]); err != nil {
		return 0, err
	}
	return len(b), nil
}

// ended notes why the connection ended.
func (w *wire) ended(err error) error {
	if err != nil {
		w.guard.end(broken(err))
	}
	return err
}

// nextLine reads one line and decides whether the library gets it.
func (w *wire) nextLine() error {
	line, err := w.readLine()
	if err != nil {
		return w.ended(err)
	}
	if !w.within {
		w.drop, w.text = w.greeted && !forUs(line), isText(line)
		w.greeted = true
		w.note(line)
		line = withoutCopied(line)
	}
	w.within = false
	if !w.text {
		size, ok := announced(line)
		if ok && (size < 0 || size > w.limit.Load()) {
			tooLarge := &SizeError{Want: w.limit.Load(), Got: size}
			w.guard.end(tooLarge)
			return tooLarge
		}
		w.within, w.literal = ok, size
	}
	if !w.drop {
		w.out = line
	}
	return nil
}

// readLine returns one line with its end; it is valid until the next read.
func (w *wire) readLine() ([]byte, error) {
	var long []byte
	for {
		part, err := w.br.ReadSlice('\n')
		if err == nil && long == nil {
			return part, nil
		}
		long = append(long, part...)
		if err == nil {
			return long, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if len(long) > maxLine {
			w.guard.end(ErrProtocol)
			return nil, ErrProtocol
		}
	}
}

// announced reads the "{n}" at the end of a line (RFC 9051 4.3). A number that
// does not fit is -1.
func announced(line []byte) (size int64, ok bool) {
	line = bytes.TrimRight(line, "\r\n")
	open := bytes.LastIndexByte(line, '{')
	if open < 0 || line[len(line)-1] != '}' {
		return 0, false
	}
	digits := line[open+1 : len(line)-1]
	if len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return 0, false
	}
	size, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return -1, true
	}
	return size, true
}

// untagged returns the words of an untagged response: its keyword, in upper
// case, and what follows; ok is false for a tagged or "+" line.
func untagged(line []byte) (keyword string, rest []byte, ok bool) {
	line, ok = bytes.CutPrefix(bytes.TrimRight(line, "\r\n"), []byte("* "))
	if !ok {
		return "", nil, false
	}
	word, rest, _ := bytes.Cut(line, []byte(" "))
	if len(word) > 0 && len(bytes.Trim(word, "0123456789")) == 0 {
		word, rest, _ = bytes.Cut(rest, []byte(" "))
	}
	return string(bytes.ToUpper(word)), rest, true
}

// forUs says whether the response that begins with this line is one that our
// commands use. Of untagged status responses only those of EXAMINE matter and
// the capabilities; the others, PERMANENTFLAGS and ALERT among them, can only
// upset the library's parser.
func forUs(line []byte) bool {
	keyword, rest, ok := untagged(line)
	if !ok {
		return true
	}
	switch keyword {
	case "EXISTS", "EXPUNGE", "FETCH", "LIST", "CAPABILITY", "BYE":
		return true
	case "OK":
		code, _, _ := bytes.Cut(bytes.ToUpper(rest), []byte(" "))
		switch string(code) {
		case "[UIDVALIDITY", "[UIDNEXT", "[CAPABILITY":
			return true
		}
	}
	return false
}

// withoutCopied takes COPYUID out of a command's answer: nobody here asks for it, and what some servers say
// where there was nothing to copy upsets the library's parser.
func withoutCopied(line []byte) []byte {
	at := bytes.Index(line, []byte("[COPYUID "))
	if at < 0 || bytes.HasPrefix(line, []byte("* ")) {
		return line
	}
	_, rest, closed := bytes.Cut(line[at:], []byte("]"))
	if !closed {
		return line
	}
	return slices.Concat(line[:at], bytes.TrimLeft(rest, " "))
}

// isText says whether the response that begins with this line ends in free text.
func isText(line []byte) bool {
	keyword, _, ok := untagged(line)
	if !ok {
		return true
	}
	switch keyword {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return true
	}
	return false
}

// note keeps what the library reports too late or not at all: it still shows
// the folder of before when the answer to EXAMINE is already there.
func (w *wire) note(line []byte) {
	keyword, rest, ok := untagged(line)
	if !ok {
		return
	}
	switch keyword {
	case "EXISTS":
		number, _, _ := bytes.Cut(line[len("* "):], []byte(" "))
		if n, err := strconv.ParseUint(string(number), 10, 32); err == nil {
			w.exists.Store(int64(n))
		}
	case "EXPUNGE":
		w.exists.Add(-1)
	case "BYE":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.farewell = string(rest)
	case "OK", "NO", "BAD":
		code, text, _ := bytes.Cut(rest[:min(len(rest), longestAlert)], []byte("]"))
		code, _, _ = bytes.Cut(bytes.ToUpper(code), []byte(" "))
		if string(code) != "[ALERT" && string(code) != "[WEBALERT" { // the second is Gmail's
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.alert = string(text)
	}
}

// longestAlert is how many bytes of an alert's line are kept.
const longestAlert = 500

// lastAlert returns the text of the server's last ALERT, empty if there was none.
func (w *wire) lastAlert() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.alert
}

// bye returns the text of the server's BYE, empty if there was none.
func (w *wire) bye() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.farewell
}
