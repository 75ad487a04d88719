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
		return &base64Reader{r: r, d: base64Decoder{defect: defect}}
	case "quoted-printable":
		return &quotedReader{br: bufio.NewReader(r), defect: defect}
	case "x-uuencode", "uuencode", "x-uue", "uue":
		return &uuReader{br: bufio.NewReader(r)}
	}
	defect("unknown transfer encoding " + quoteShort(name))
	return r
}

func isBase64(c byte) bool { return base64Values[c] < 64 }

// Bytes that are no sextet of base64.
const (
	base64Pad   = 64 + iota
	base64Space // which is ignored
	base64Junk
)

var base64Values = func() (values [256]byte) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for c := range values {
		if values[c] = base64Junk; c <= ' ' {
			values[c] = base64Space
		}
	}
	for i, c := range []byte(alphabet) {
		values[c] = byte(i)
	}
	values['='] = base64Pad
	return values
}()

// base64Decoder ignores what is not of the alphabet (RFC 2045 section 6.8) and
// goes on after padding, so that concatenated and truncated base64 is read.
type base64Decoder struct {
	defect func(string)
	junk   bool // it was named
	bits   uint32
	n      int // sextets in bits
}

// decode appends to out what src, which may end anywhere, gives.
func (d *base64Decoder) decode(out, src []byte) []byte {
	for len(src) > 0 {
		for d.n == 0 && len(src) >= 4 {
			a, b, c, e := base64Values[src[0]], base64Values[src[1]], base64Values[src[2]], base64Values[src[3]]
			if a|b|c|e >= 64 {
				break
			}
			out = append(out, a<<2|b>>4, b<<4|c>>2, c<<6|e)
			src = src[4:]
		}
		if len(src) == 0 {
			break
		}
		switch v := base64Values[src[0]]; v {
		case base64Space:
		case base64Pad:
			out = d.end(out)
		case base64Junk:
			if !d.junk {
				d.junk = true
				d.defect("characters in base64 that are not base64")
			}
		default:
			if d.bits, d.n = d.bits<<6|uint32(v), d.n+1; d.n == 4 {
				out = d.flush(out)
			}
		}
		src = src[1:]
	}
	return out
}

// end appends what an incomplete group gives.
func (d *base64Decoder) end(out []byte) []byte {
	if d.n == 1 {
		d.defect("truncated base64")
	}
	return d.flush(out)
}

func (d *base64Decoder) flush(out []byte) []byte {
	bits := d.bits << (6 * (4 - d.n))
	for i := range d.n - 1 {
		out = append(out, byte(bits>>(16-8*i)))
	}
	d.bits, d.n = 0, 0
	return out
}

// base64Reader decodes what it reads.
type base64Reader struct {
	r    io.Reader
	d    base64Decoder
	in   [4096]byte
	buf  []byte
	rest []byte // of buf, still to be given
	err  error
}

func (r *base64Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		n, err := r.r.Read(r.in[:])
		r.buf = r.d.decode(r.buf[:0], r.in[:n])
		if r.err = err; err != nil {
			r.buf = r.d.end(r.buf)
		}
		r.rest = r.buf
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// quotedReader reads quoted-printable (RFC 2045 section 6.7); an equals sign
// that starts no escape stands for itself.
type quotedReader struct {
	br     *bufio.Reader
	defect func(string)
	broken bool // it was named
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
	if len(r.carry) > 0 {
		line = append(r.carry, line...)
		r.carry = nil
	}
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
	for {
		at := bytes.IndexByte(body, '=')
		if at < 0 {
			return append(out, body...)
		}
		out = append(out, body[:at]...)
		body = body[at+1:]
		if len(body) >= 2 {
			if hi, lo := hexValue(body[0]), hexValue(body[1]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				body = body[2:]
				continue
			}
		}
		if !r.broken {
			r.broken = true
			r.defect("broken quoted-printable")
		}
		out = append(out, '=')
	}
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
