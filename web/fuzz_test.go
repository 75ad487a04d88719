package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/postern-desk/postern/mail/message"
	"github.com/postern-desk/postern/web"
)

// FuzzCursor reads cursors that anybody may have made up: it never panics, and a cursor that is taken
// says what was put into it.
func FuzzCursor(f *testing.F) {
	f.Add("tickets newest", web.NewCursor("tickets newest", "018f0000-0000-7000-8000-000000000000", "1"))
	f.Add("clients", web.NewCursor("clients", "x"))
	f.Add("inbound emails", "AAAAAAAAAAAAAA")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, list, cursor string) {
		fields, err := web.ReadCursor(list, cursor, 2)
		if err == nil && cursor != "" && web.NewCursor(list, fields...) != cursor {
			t.Errorf("%q is read as %q", cursor, fields)
		}
		_, _ = web.ReadTicketAfter("newest", cursor)
	})
}

// FuzzIfMatch reads entity tags.
func FuzzIfMatch(f *testing.F) {
	for _, tag := range []string{`"1"`, `W/"12"`, "*", "", `"`, `""`, `"-1"`, `"1`, `"9999999999999999999"`} {
		f.Add(tag)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		if n, err := web.Version(tag); err == nil && (n < 0 && !strings.Contains(tag, "-") || (n == 0) != (strings.TrimSpace(tag) == "*")) {
			t.Errorf("%q is version %d", tag, n)
		}
	})
}

// FuzzFileName makes names and headers of what senders call their files.
func FuzzFileName(f *testing.F) {
	for _, name := range []string{"a.txt", "../x", "ü\"\r\n.png", "", strings.Repeat("a/", 300), "\xff\xfe", "a\u202egnp.exe"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := web.FileName(name)
		if got == "" || len(got) > 200 || strings.ContainsAny(got, "/\\\r\n\x00") || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", name, got)
		}
		header := web.Disposition(got)
		if !strings.HasPrefix(header, "attachment; filename=") || strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q becomes the header %q", name, header)
		}
	})
}

// FuzzCustom reads custom fields.
func FuzzCustom(f *testing.F) {
	f.Add("site", "north")
	f.Add("\x00", "a\x00b")
	f.Fuzz(func(t *testing.T, name, value string) {
		out, err := web.ReadCustom(map[string]any{name: value})
		for k, v := range out {
			if s, ok := v.(string); err == nil && (!ok || s != message.CleanText(s) || k != message.CleanText(k) || k == "") {
				t.Errorf("%q: %q is kept as %q: %q", name, value, k, v)
			}
		}
	})
}

// FuzzSupportForm posts bytes as a form: whatever is read may be stored.
func FuzzSupportForm(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", "name=a&email=b%00&subject=%ff&message=%0d%0a")
	f.Add("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nhello\r\n--x--\r\n")
	f.Add("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"attachments\"; filename=\"../a\"\r\n\r\nhello\r\n--x--\r\n")
	f.Add("multipart/form-data", "--x")
	f.Add("", "%zz")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		r := httptest.NewRequest("POST", "/support", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		fields, err := web.ReadForm(httptest.NewRecorder(), r)
		for name, value := range fields {
			if err == nil && value != message.CleanText(value) {
				t.Errorf("%s is %q", name, value)
			}
		}
	})
}
