package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
)

// decodeCharset turns bytes into UTF-8. label is the charset as declared, ""
// when undeclared. It always gives a text; problem says what was wrong with
// the declaration, "" when nothing was.
func decodeCharset(b []byte, label string) (text, problem string) {
	out, problem := decodeBytes(b, normalizeCharset(label))
	return string(out), problem
}

// decodeBytes is decodeCharset by a normalised label; the result may be b itself.
func decodeBytes(b []byte, label string) (text []byte, problem string) {
	switch label {
	case "", "us-ascii", "utf-8":
		return decodeUnicode(b, label)
	case "utf-7":
		return decodeUTF7(b), ""
	}
	if wide, ok := wideCharsets[label]; ok {
		return wide.decode(b), ""
	}
	if enc, err := htmlindex.Get(label); err == nil {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return out, ""
		}
	} else if r, err := charset.Reader(label, bytes.NewReader(b)); err == nil {
		if out, err := io.ReadAll(r); err == nil {
			return out, ""
		}
	}
	text, _ = decodeUnicode(b, "")
	return text, "unknown charset " + quoteShort(label)
}

// decodeUnicode reads what should be UTF-8, and often is windows-1252.
func decodeUnicode(b []byte, label string) (text []byte, problem string) {
	if rest, ok := bytes.CutPrefix(b, []byte("\xef\xbb\xbf")); ok {
		b = rest
	}
	if label == "" && len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff) {
		return wideCharsets["utf-16"].decode(b), "undeclared UTF-16"
	}
	if isASCII(b) {
		// RFC 1468: 7-bit Japanese announces itself by escape sequences.
		if at := bytes.IndexByte(b, '\x1b'); at >= 0 && (bytes.Contains(b[at:], []byte("\x1b$B")) || bytes.Contains(b[at:], []byte("\x1b$@"))) {
			return decodeWith(japanese.ISO2022JP, b), "undeclared ISO-2022-JP"
		}
		return b, ""
	}
	if utf8.Valid(b) {
		if label == "us-ascii" {
			return b, "8-bit bytes declared as us-ascii"
		}
		return b, ""
	}
	if mostlyUTF8(b) {
		return bytes.ToValidUTF8(b, []byte("\uFFFD")), "invalid UTF-8 replaced"
	}
	return decodeWith(charmap.Windows1252, b), "8-bit bytes without a valid charset read as windows-1252"
}

func decodeWith(enc encoding.Encoding, b []byte) []byte {
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		return bytes.ToValidUTF8(b, []byte("\uFFFD"))
	}
	return out
}

// mostlyUTF8 tells damaged UTF-8 from another charset.
func mostlyUTF8(b []byte) bool {
	good, bad := 0, 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		b = b[n:]
	}
	return good > bad
}

func isASCII[T string | []byte](b T) bool {
	var all byte
	for len(b) >= 8 {
		all |= b[0] | b[1] | b[2] | b[3] | b[4] | b[5] | b[6] | b[7]
		b = b[8:]
	}
	for i := range len(b) {
		all |= b[i]
	}
	return all < utf8.RuneSelf
}

var charsetAliases = map[string]string{
	"ascii": "us-ascii", "ansi_x3.4-1968": "us-ascii", "7bit": "us-ascii", "8bit": "", "unknown-8bit": "",
	"x-unknown": "", "unknown": "", "default": "", "none": "", "null": "", "binary": "", "utf8": "utf-8", "utf-8n": "utf-8",
	"unicode-1-1-utf-7": "utf-7", "x-unicode-2-0-utf-7": "utf-7", "utf7": "utf-7", "cp932": "shift_jis",
	"cp936": "gbk", "x-gbk": "gbk", "cp949": "euc-kr", "cp950": "big5", "iso-8859-8-i": "iso-8859-8",
	"cp-850": "ibm850", "cp850": "ibm850", "ansi": "windows-1252",
	"utf16": "utf-16", "ucs-2": "utf-16", "iso-10646-ucs-2": "utf-16", "unicode": "utf-16", "csunicode": "utf-16",
	"utf-16-le": "utf-16le", "utf-16-be": "utf-16be", "utf32": "utf-32", "ucs-4": "utf-32", "iso-10646-ucs-4": "utf-32",
}

// No charset has a longer name.
const maxCharset = 60

// normalizeCharset is the label in lower-case, without quotes, known aliases resolved.
func normalizeCharset(label string) string {
	if label == "" || label == "utf-8" || label == "us-ascii" {
		return label
	}
	label = strings.ToLower(strings.Trim(CleanLine(label[:min(len(label), maxCharset)]), `"' `))
	if alias, ok := charsetAliases[label]; ok {
		return alias
	}
	if n, ok := strings.CutPrefix(label, "cp-125"); ok {
		return "windows-125" + n
	}
	return label
}

// decodeUTF7 reads RFC 2152; what is not UTF-7 stays as it is.
func decodeUTF7(b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		plus := bytes.IndexByte(b, '+')
		if plus < 0 {
			break
		}
		out.Write(b[:plus])
		b = b[plus+1:]
		end := 0
		for end < len(b) && isBase64(b[end]) {
			end++
		}
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(b[:end]), "="))
		switch {
		case end == 0 && len(b) > 0 && b[0] == '-':
			out.WriteByte('+')
		case end == 0 || err != nil && len(raw) == 0:
			out.WriteByte('+')
			out.Write(b[:end])
		default:
			out.WriteString(utf16BE(raw))
		}
		b = b[end:]
		if len(b) > 0 && b[0] == '-' {
			b = b[1:]
		}
	}
	out.Write(b)
	return out.Bytes()
}

func utf16BE(raw []byte) string {
	units := make([]uint16, 0, len(raw)/2)
	for i := 0; i+1 < len(raw); i += 2 {
		units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
	}
	return string(utf16.Decode(units))
}

var metaCharset = regexp.MustCompile(`(?i)<meta[^>]{0,200}charset\s*=\s*["']?([-\w]{1,40})`)

// htmlCharset is what an HTML page says about itself; "" when it says nothing.
func htmlCharset(b []byte) string {
	if m := metaCharset.FindSubmatch(b[:min(len(b), 4096)]); m != nil {
		if _, wide := wideCharsets[normalizeCharset(string(m[1]))]; wide {
			return "" // it could not be read as it was, byte by byte
		}
		return string(m[1])
	}
	return ""
}

// quoteShort shows a value from the email in a problem, bounded.
func quoteShort(s string) string {
	s = CleanLine(s)
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "..."
	}
	return `"` + s + `"`
}
