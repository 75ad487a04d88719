package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"
)

// defects gathers what a decoder complains of.
type defects []string

func (d *defects) add(s string) { *d = append(*d, s) }

func decodeAll(t *testing.T, encoding, raw string) (string, defects) {
	t.Helper()
	var d defects
	b, err := io.ReadAll(decodeTransfer(encoding, strings.NewReader(raw), d.add))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), d
}

func TestDecodeTransfer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		encoding, raw, want string
		defect              bool
	}{
		"none":                   {"", "a=41", "a=41", false},
		"7bit":                   {"7bit", "a=41", "a=41", false},
		"with junk":              {" 7BIT; x", "a", "a", false},
		"with a comment":         {"base64 (comment)", "QQ==", "A", false},
		"quoted name":            {`"base64"`, "QQ==", "A", false},
		"unknown":                {"rot13", "a", "a", true},
		"base64":                 {"base64", "QUJD\r\nREVG\r\n", "ABCDEF", false},
		"base64 without padding": {"base64", "QUI", "AB", false},
		"base64 cut off":         {"base64", "QUJDR", "ABC", true},
		"base64 concatenated":    {"base64", "QQ==QkM=REVG", "ABCDEF", false},
		"base64 with spaces":     {"base64", "Q U J D", "ABC", false},
		"base64 with junk":       {"base64", "QU*JD", "ABC", true},
		"base64 of nothing":      {"base64", "", "", false},
		"quoted-printable":       {"quoted-printable", "a=3D=c3=bc=\r\nb", "a=üb", false},
		"qp, lower case":         {"QUOTED-PRINTABLE", "=3d", "=", false},
		"qp, LF":                 {"quoted-printable", "a=\nb\nc", "ab\nc", false},
		"qp, CRLF stays":         {"quoted-printable", "a\r\nb", "a\r\nb", false},
		"qp, trailing space":     {"quoted-printable", "a  \r\nb =20\r\n", "a\r\nb  \r\n", false},
		"qp, space after soft":   {"quoted-printable", "a= \r\nb", "ab", false},
		"qp, broken":             {"quoted-printable", "a=ZZ b=4", "a=ZZ b=4", true},
		"uuencode":               {"x-uuencode", "begin 644 x\n#0V%T\n`\nend\n", "Cat", false},
		"uuencode without begin": {"uuencode", "#0V%T\n", "Cat", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, d := decodeAll(t, c.encoding, c.raw)
			if got != c.want || (len(d) > 0) != c.defect {
				t.Errorf("%q gives %q, defects %q; want %q", c.raw, got, d, c.want)
			}
		})
	}
}

// The decoders agree with the standard library on sound input, however it is cut.
func TestDecodeTransferRoundTrip(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for size := range 300 {
		content := make([]byte, size*7)
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		var qp bytes.Buffer
		w := quotedprintable.NewWriter(&qp)
		w.Binary = true
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for encoding, raw := range map[string]string{"base64": base64.StdEncoding.EncodeToString(content), "quoted-printable": qp.String()} {
			for cut, r := range map[string]io.Reader{"whole": strings.NewReader(raw), "bytes": iotest.OneByteReader(strings.NewReader(raw)), "late error": iotest.DataErrReader(strings.NewReader(raw))} {
				var d defects
				got, err := io.ReadAll(decodeTransfer(encoding, r, d.add))
				if err != nil || !bytes.Equal(got, content) || len(d) > 0 {
					t.Fatalf("%s of %d bytes, %s: %d bytes, defects %q, error %v", encoding, len(content), cut, len(got), d, err)
				}
			}
		}
	}
}

// A line without end must not be gathered in memory, and its escapes not be cut.
func TestQuotedPrintableLongLine(t *testing.T) {
	t.Parallel()
	for shift := range 4 {
		raw := strings.Repeat("x", shift) + strings.Repeat("=C3=BC", 100_000)
		got, d := decodeAll(t, "quoted-printable", raw)
		if want := strings.Repeat("x", shift) + strings.Repeat("ü", 100_000); got != want || len(d) > 0 {
			t.Errorf("shifted by %d: %d bytes of %d, defects %q", shift, len(got), len(want), d)
		}
	}
}

func FuzzDecodeTransfer(f *testing.F) {
	f.Add("base64", []byte("QUJD=RE*VG"))
	f.Add("quoted-printable", []byte("a=\r\n=C3=BC= \n=Z"))
	f.Add("x-uuencode", []byte("begin 644 a\n#0V%T\nend"))
	f.Fuzz(func(t *testing.T, encoding string, raw []byte) {
		ignore := func(string) {}
		whole, err := io.ReadAll(decodeTransfer(encoding, bytes.NewReader(raw), ignore))
		if err != nil {
			t.Fatal(err)
		}
		cut, err := io.ReadAll(decodeTransfer(encoding, iotest.OneByteReader(bytes.NewReader(raw)), ignore))
		if err != nil || !bytes.Equal(whole, cut) {
			t.Errorf("%s %q: %q whole, %q byte by byte, error %v", encoding, raw, whole, cut, err)
		}
		if len(whole) > len(raw) {
			t.Errorf("%s: %d bytes out of %d", encoding, len(whole), len(raw))
		}
	})
}
