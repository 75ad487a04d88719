package message

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// decodeTransfer takes the Content-Transfer-Encoding off (RFC 2045 section 6).
// It reads what it can: broken encodings lose the broken bytes only, which
// defect tells.
func decodeTransfer(encoding string, r io.Reader, defect func(string)) io.Reader {
	// The value may carry a comment or junk: "base64 (comment)", "7bit;".
	name, _, _ := strings.Cut(strings.ToLower(strings.Trim(strings.TrimSpace(encoding), `"'`)), ";")
	if fields := strings.Fields(name); len(fields) > 0 {
		name = fields[0]
	}
	switch name {
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit", "none":
		return r
	case "base64":
		return &base64Reader{br: bufio.NewReader(r), defect: defect}
	case "quoted-printable":
		return &quotedReader{br: bufio.NewReader(r), defect: defect}
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return &uuReader{br: bufio.NewReader(r)}
	}
	defect("unknown transfer encoding " + quoteShort(name))
	return r
}

func isBase64(c byte) bool { return base64Value(c) >= 0 }

func base64Value(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}

// base64Reader ignores what is not of the alphabet (RFC 2045 section 6.8) and
// goes on after padding, so that concatenated and truncated base64 is read.
type base64Reader struct {
	br     *bufio.Reader
	defect func(string)
	bits   uint32
	n      int // sextets in bits
	buf    []byte
	rest   []byte // of buf, still to be given
	err    error
}

func (r *base64Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *base64Reader) fill() {
	r.buf = r.buf[:0]
	for len(r.buf) < 4096 && r.err == nil {
		c, err := r.br.ReadByte()
		if err != nil {
			r.err = err
			c = '='
		}
		switch v := base64Value(c); {
		case v >= 0:
			if r.bits, r.n = r.bits<<6|uint32(v), r.n+1; r.n == 4 {
				r.flush()
			}
		case c == '=':
			if r.n == 1 {
				r.defect("truncated base64")
			}
			r.flush()
		case c > ' ':
			r.defect("characters in base64 that are not base64")
		}
	}
	r.rest = r.buf
}

// flush writes the bytes of a group, which may be incomplete.
func (r *base64Reader) flush() {
	bits := r.bits << (6 * (4 - r.n))
	for i := range r.n - 1 {
		r.buf = append(r.buf, byte(bits>>(16-8*i)))
	}
	r.bits, r.n = 0, 0
}

// quotedReader reads quoted-printable (RFC 2045 section 6.7); an equals sign
// that starts no escape stands for itself.
type quotedReader struct {
	br     *bufio.Reader
	defect func(string)
	carry  []byte
	buf    []byte
	rest   []byte // of buf, still to be given
	err    error
}

func (r *quotedReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		piece, err := r.br.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			r.long(piece)
			continue
		}
		r.err = err
		r.decode(piece)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// long decodes a piece of an endless line. An escape must not be cut in two:
// what may be its beginning goes in front of the next piece.
func (r *quotedReader) long(piece []byte) {
	piece = append(r.carry, piece...)
	cut := len(piece)
	if i := bytes.LastIndexByte(piece[cut-2:], '='); i >= 0 {
		cut += i - 2
	}
	r.carry = bytes.Clone(piece[cut:])
	r.buf = r.escapes(r.buf[:0], piece[:cut])
	r.rest = r.buf
}

func (r *quotedReader) decode(line []byte) {
	line = append(r.carry, line...)
	r.carry = nil
	body := bytes.TrimRight(line, " \t\r\n")
	eol := ""
	switch {
	case bytes.HasSuffix(line, []byte("\r\n")):
		eol = "\r\n"
	case bytes.HasSuffix(line, []byte("\n")):
		eol = "\n"
	}
	if rest, soft := bytes.CutSuffix(body, []byte("=")); soft {
		body, eol = rest, ""
	}
	r.buf = append(r.escapes(r.buf[:0], body), eol...)
	r.rest = r.buf
}

func (r *quotedReader) escapes(out, body []byte) []byte {
	for i := 0; i < len(body); i++ {
		if body[i] == '=' && i+2 < len(body) {
			if hi, lo := hexValue(body[i+1]), hexValue(body[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		if body[i] == '=' {
			r.defect("broken quoted-printable")
		}
		out = append(out, body[i])
	}
	return out
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// uuReader reads uuencoded content between its begin and end lines.
type uuReader struct {
	br   *bufio.Reader
	rest []byte
	err  error
}

func (r *uuReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		line, err := r.br.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			continue // no uuencoded line is that long
		}
		r.err = err
		line = bytes.TrimRight(line, "\r\n")
		if len(line) > 0 && !bytes.HasPrefix(line, []byte("begin ")) && string(line) != "end" {
			r.rest = uuLine(line)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func uuLine(line []byte) []byte {
	value := func(i int) byte {
		if i < len(line) {
			return (line[i] - ' ') & 0x3f
		}
		return 0
	}
	want := min(int(value(0)), (len(line)-1)*3/4)
	out := make([]byte, 0, want+3)
	for i := 1; len(out) < want; i += 4 {
		a, b, c, d := value(i), value(i+1), value(i+2), value(i+3)
		out = append(out, a<<2|b>>4, b<<4|c>>2, c<<6|d)
	}
	return out[:want]
}
