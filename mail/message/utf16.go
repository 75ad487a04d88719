package message

import (
	"bytes"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// wideCharset is a charset of units of several bytes.
type wideCharset struct {
	width             int
	order             byte // 'b' or 'l' as the label says, 0 where it does not
	big, little       encoding.Encoding
	bigBOM, littleBOM string
}

var wideCharsets = func() map[string]wideCharset {
	two := wideCharset{width: 2, bigBOM: "\xfe\xff", littleBOM: "\xff\xfe",
		big: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), little: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}
	four := wideCharset{width: 4, bigBOM: "\x00\x00\xfe\xff", littleBOM: "\xff\xfe\x00\x00",
		big: utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), little: utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)}
	all := map[string]wideCharset{}
	for name, c := range map[string]wideCharset{"utf-16": two, "utf-32": four} {
		all[name] = c
		c.order = 'b'
		all[name+"be"] = c
		c.order = 'l'
		all[name+"le"] = c
	}
	return all
}()

// decode reads b; a byte order mark decides the order, whatever the label says, and is left out.
func (c wideCharset) decode(b []byte) []byte {
	if rest, ok := bytes.CutPrefix(b, []byte(c.bigBOM)); ok {
		return decodeWith(c.big, rest)
	}
	if rest, ok := bytes.CutPrefix(b, []byte(c.littleBOM)); ok {
		return decodeWith(c.little, rest)
	}
	if c.order == 'l' || c.order == 0 && c.looksLittle(b) {
		return decodeWith(c.little, b)
	}
	return decodeWith(c.big, b)
}

// looksLittle tells the order by the zero bytes, which most scripts have in the high half of their spaces and line
// ends; where they do not tell, text without a mark is big-endian (RFC 2781 section 4.3).
func (c wideCharset) looksLittle(b []byte) bool {
	first, last := 0, 0
	for i := c.width; i <= len(b); i += c.width {
		if b[i-c.width] == 0 {
			first++
		}
		if b[i-1] == 0 {
			last++
		}
	}
	return last > first
}
