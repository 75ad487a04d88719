package message

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

func units(s string, order binary.AppendByteOrder, width int) string {
	var b []byte
	if width == 4 {
		for _, r := range s {
			b = order.AppendUint32(b, uint32(r))
		}
		return string(b)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// Tried: two widths in both orders, with a byte order mark, without one, and with one that the label contradicts;
// text without any zero byte; half a unit at the end; a mark before UTF-8. No mark is left, nothing is garbled.
func TestByteOrders(t *testing.T) {
	t.Parallel()
	const text = "Grüße, 日本 👍\nBye"
	for _, c := range []struct {
		name, label, in, want string
	}{
		{"big, mark", "utf-16", "\xfe\xff" + units(text, binary.BigEndian, 2), text},
		{"little, mark", "UTF-16", "\xff\xfe" + units(text, binary.LittleEndian, 2), text},
		{"big, bare", "utf-16", units(text, binary.BigEndian, 2), text},
		{"little, bare", "utf-16", units(text, binary.LittleEndian, 2), text},
		{"no zero bytes", "utf-16", units("日本語", binary.BigEndian, 2), "日本語"},
		{"be by label", "utf-16be", units("日本語", binary.BigEndian, 2), "日本語"},
		{"le by label", "utf-16le", units("日本語", binary.LittleEndian, 2), "日本語"},
		{"label contradicted", "utf-16le", "\xfe\xff" + units(text, binary.BigEndian, 2), text},
		{"label and mark", "utf-16be", "\xfe\xff" + units(text, binary.BigEndian, 2), text},
		{"old name", "ISO-10646-UCS-2", units(text, binary.BigEndian, 2), text},
		{"half a unit", "utf-16", units("ab", binary.BigEndian, 2) + "\x00", "ab\uFFFD"},
		{"undeclared", "", "\xfe\xff" + units(text, binary.BigEndian, 2), text},
		{"four big, mark", "utf-32", "\x00\x00\xfe\xff" + units(text, binary.BigEndian, 4), text},
		{"four little, mark", "utf-32", "\xff\xfe\x00\x00" + units(text, binary.LittleEndian, 4), text},
		{"four big, bare", "utf-32", units(text, binary.BigEndian, 4), text},
		{"four little, bare", "utf-32", units(text, binary.LittleEndian, 4), text},
		{"eight", "utf-8", "\xef\xbb\xbf" + text, text},
		{"empty", "utf-16", "", ""},
	} {
		if got, _ := decodeCharset([]byte(c.in), c.label); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	e := parse(t, "Subject: x\r\nContent-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"+
		base64.StdEncoding.EncodeToString([]byte("\xfe\xff"+units(text, binary.BigEndian, 2)))+"\r\n")
	if e.Text != text {
		t.Errorf("body %q", e.Text)
	}
	e = parse(t, "Subject: x\r\nContent-Type: text/html\r\n\r\n<meta charset=\"utf-16\"><p>Grüße</p>\r\n")
	if !strings.Contains(e.Text, "Grüße") {
		t.Errorf("page %q", e.Text)
	}
}
