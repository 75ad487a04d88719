package message

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseMediaType(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, value, param, want string }{
		"simple":               {"text/plain; charset=utf-8", "text/plain", "charset", "utf-8"},
		"capitals":             {"TEXT/Plain; CHARSET=UTF-8", "text/plain", "charset", "UTF-8"},
		"quoted":               {`a/b; name="x; y.txt"`, "a/b", "name", "x; y.txt"},
		"escaped":              {`a/b; name="x \"y\".txt"`, "a/b", "name", `x "y".txt`},
		"a backslash":          {`a/b; name="c:\dir\x.txt"`, "a/b", "name", `c:\dir\x.txt`},
		"not closed":           {`a/b; name="x.txt`, "a/b", "name", "x.txt"},
		"not closed, more":     {`a/b; name="x.txt; charset=y`, "a/b", "charset", "y"},
		"spaces unquoted":      {"a/b; name=my file.txt", "a/b", "name", "my file.txt"},
		"comment":              {"a/b; charset=us-ascii (Plain text)", "a/b", "charset", "us-ascii"},
		"comment on the type":  {"a/b (x); charset=y", "a/b", "charset", "y"},
		"spaces around":        {"a/b ; charset = y ; z", "a/b", "charset", "y"},
		"twice":                {"a/b; charset=x; charset=y", "a/b", "charset", "x"},
		"empty parts":          {"a/b;;; ; charset=y;", "a/b", "charset", "y"},
		"no type":              {"; charset=y", "", "charset", "y"},
		"RFC 2231":             {"a/b; name*=utf-8'en'Gr%C3%BC%C3%9Fe", "a/b", "name", "Grüße"},
		"RFC 2231, latin1":     {"a/b; name*=iso-8859-1''Gr%FC%DFe", "a/b", "name", "Grüße"},
		"RFC 2231 continued":   {"a/b; name*0=Gr; name*1=ue; name*2=sse", "a/b", "name", "Gruesse"},
		"continued, encoded":   {"a/b; name*0*=utf-8''Gr%C3; name*1*=%BC%C3; name*2*=%9Fe", "a/b", "name", "Grüße"},
		"out of order":         {"a/b; name*1=b; name*0=a", "a/b", "name", "ab"},
		"a gap":                {"a/b; name*0=a; name*2=c", "a/b", "name", "a"},
		"before the plain one": {"a/b; name=x; name*=utf-8''y", "a/b", "name", "y"},
		"RFC 2047":             {`a/b; name="=?utf-8?q?Gr=C3=BC=C3=9Fe?="`, "a/b", "name", "Grüße"},
		"RFC 2047 unquoted":    {"a/b; name==?utf-8?q?Gr=C3=BC=C3=9Fe?=", "a/b", "name", "Grüße"},
		"2047 in 2231":         {"a/b; name*0==?utf-8?q?Gr=C3=BC; name*1=?=", "a/b", "name", "Grü"},
		"raw latin1":           {"a/b; name=Gr\xfc\xdfe", "a/b", "name", "Grüße"},
		"bad percent":          {"a/b; name*=utf-8''100%", "a/b", "name", "100%"},
		"absent":               {"a/b", "a/b", "name", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := parseMediaType(c.raw)
			if m.value != c.value || m.text(c.param) != c.want {
				t.Errorf("%q gives %q with %s %q, want %q with %q", c.raw, m.value, c.param, m.text(c.param), c.value, c.want)
			}
		})
	}
}

func TestFileName(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"a.txt", "text/plain", "a.txt"},
		{"../../etc/passwd", "text/plain", "passwd"},
		{`C:\Users\ann\a.txt`, "text/plain", "a.txt"},
		{"a\x00b\r\n.txt", "text/plain", "ab.txt"},
		{" .hidden. ", "text/plain", "hidden"},
		{"..", "application/pdf", "attachment.pdf"},
		{"", "application/pdf", "attachment.pdf"},
		{"", "image/jpeg", "image.jpg"},
		{"", "message/rfc822", "message.eml"},
		{"", "text/calendar", "attachment.ics"},
		{"", "application/ms-tnef", "winmail.dat"},
		{"", "application/x-unheard-of", "attachment"},
		{"a/", "image/png", "image.png"},
		{"Grüße 日本.txt", "text/plain", "Grüße 日本.txt"},
		{"evil\u202etxt.exe", "text/plain", "eviltxt.exe"},
	} {
		if got := fileName(c[0], c[1]); got != c[2] {
			t.Errorf("%q of type %s gives %q, want %q", c[0], c[1], got, c[2])
		}
	}
	long := fileName(strings.Repeat("ü", 500)+".pdf", "application/pdf")
	if len(long) > 200 || !strings.HasSuffix(long, ".pdf") || !utf8.ValidString(long) {
		t.Errorf("a long name gives %d bytes: %q", len(long), long)
	}
}

func FuzzParseMediaType(f *testing.F) {
	f.Add(`text/plain; charset="utf-8"; name*0*=utf-8''a%20; name*1="b"`)
	f.Add(`a/b; name="\`)
	f.Add("a/b; name==?utf-8?b?w7w=?=;;;=")
	f.Fuzz(func(t *testing.T, raw string) {
		m := parseMediaType(raw)
		for name := range m.params {
			if got := m.text(name); CleanLine(got) != got {
				t.Errorf("%q: %s is %q", raw, name, got)
			}
		}
		name := fileName(m.text("name"), m.value)
		if name == "" || strings.ContainsAny(name, "/\\\n\x00") || len(name) > 200 {
			t.Errorf("%q names %q", raw, name)
		}
	})
}
