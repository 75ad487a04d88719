package message

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, raw string) *Email {
	t.Helper()
	e, err := Parse(strings.NewReader(raw), DefaultLimits(), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, t.Name(), e)
	return e
}

// The text must survive whatever is wrong with the email, and what is wrong be named.
func TestParseKeepsTheText(t *testing.T) {
	t.Parallel()
	multi := head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	for name, c := range map[string]struct{ raw, text, problem string }{
		"plain":                     {head + "\r\nthe text\r\n", "the text", ""},
		"empty input":               {"", "", "no usable Message-ID"},
		"header only":               {head, "", ""},
		"no header":                 {"Hello there\r\n\r\nthe text", "Hello there\n\nthe text", "no header"},
		"no header, looks like one": {"Note: this is text\r\n\r\nmore", "Note: this is text\n\nmore", "no header"},
		"mbox line":                 {"From ann@x.example Sun Nov 22 10:00:00 2026\r\n" + head + "\r\nthe text", "the text", "mbox line"},
		"blank lines first":         {"\r\n\r\n" + head + "\r\nthe text", "the text", ""},
		"malformed header line":     {head + "this is no field\r\nX-A: b\r\n\r\nthe text", "the text", "malformed header line"},
		"no blank line":             {head + "the text\r\nmore", "the text\nmore", "no blank line"},
		"CR line ends":              {strings.ReplaceAll(head+"\r\nthe\r\ntext\r\n", "\r\n", "\r"), "the\ntext", ""},
		"LF line ends":              {strings.ReplaceAll(head+"\r\nthe\r\ntext\r\n", "\r\n", "\n"), "the\ntext", ""},
		"NUL and invalid UTF-8":     {head + "Content-Type: text/plain; charset=utf-8\r\n\r\nthe\x00 text \xff\xc3\xa4\xc3\xb6", "the text \ufffdäö", "invalid UTF-8"},
		"no boundary parameter":     {head + "Content-Type: multipart/mixed\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nthe text\r\n--x--\r\n", "the text", "without a boundary"},
		"wrong boundary":            {multi + "--x\r\nContent-Type: text/plain\r\n\r\nthe text\r\n--x--\r\n", "the text", "not the declared one"},
		"boundary never there":      {multi + "the text\r\n", "the text", "without parts"},
		"unclosed multipart":        {multi + "--b\r\n\r\nthe text\r\n", "the text", "without a closing boundary"},
		"unclosed inner multipart":  {multi + "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nthe text\r\n--b\r\n\r\nmore\r\n--b--\r\n", "the text\n\nmore", "without a closing boundary"},
		"part without blank line":   {multi + "--b\r\nContent-Type: text/plain\r\nthe text\r\n--b--\r\n", "the text", "no blank line"},
		"part without header":       {multi + "--b\r\nthe text\r\n--b--\r\n", "the text", "no header"},
		"boundary within a line":    {multi + "--b\r\n\r\nthe --b text\r\n--bb\r\n--b--\r\n", "the --b text\n--bb", ""},
		"unknown encoding":          {head + "Content-Transfer-Encoding: rot13\r\n\r\nthe text", "the text", "unknown transfer encoding"},
		"broken base64":             {head + "Content-Transfer-Encoding: base64\r\n\r\ndGhlI*HRleHQ\r\n", "the text", "not base64"},
		"truncated base64":          {head + "Content-Transfer-Encoding: base64\r\n\r\ndGhlIHRleHQg\r\nd\r\n", "the text", "truncated base64"},
		"base64 that is not":        {head + "Content-Transfer-Encoding: base64\r\n\r\nHello, this is the text!\r\n", "Hello, this is the text!", "declared as base64"},
		"broken quoted-printable":   {head + "Content-Transfer-Encoding: quoted-printable\r\n\r\nthe =ZZ te=\r\nxt=", "the =ZZ text", "broken quoted-printable"},
		"unknown charset":           {head + "Content-Type: text/plain; charset=klingon\r\n\r\nthe text", "the text", "unknown charset"},
		"empty HTML":                {head + "Content-Type: text/html\r\n\r\n<script>alert(1)</script>", "<script>alert(1)</script>", "raw text"},
		"only a type":               {head + "Content-Type: text\r\n\r\nthe text", "the text", ""},
		"nonsense type":             {head + "Content-Type: ;;/;\r\n\r\nthe text", "the text", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := parse(t, c.raw)
			if e.Text != c.text {
				t.Errorf("text %q, want %q; problems %v", e.Text, c.text, e.Problems)
			}
			if c.problem != "" && !hasProblem(e, c.problem) {
				t.Errorf("problem %q is not among %v", c.problem, e.Problems)
			}
			if c.problem == "" && len(e.Problems) > 0 {
				t.Errorf("problems %v", e.Problems)
			}
		})
	}
}

func TestParseCharsets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ charset, raw, text string }{
		"utf-8":                  {"utf-8", "Gr\xc3\xbc\xc3\x9fe", "Grüße"},
		"latin1":                 {"iso-8859-1", "Gr\xfc\xdfe", "Grüße"},
		"windows-1252 as latin1": {"iso-8859-1", "\x93Gr\xfc\xdfe\x94", "“Grüße”"},
		"us-ascii with 8 bit":    {"us-ascii", "Gr\xfc\xdfe", "Grüße"},
		"us-ascii with utf-8":    {"us-ascii", "Gr\xc3\xbc\xc3\x9fe", "Grüße"},
		"utf-8 that is latin1":   {"utf-8", "Gr\xfc\xdfe", "Grüße"},
		"undeclared latin1":      {"", "Gr\xfc\xdfe", "Grüße"},
		"undeclared utf-8":       {"", "Gr\xc3\xbc\xc3\x9fe", "Grüße"},
		"byte order mark":        {"utf-8", "\xef\xbb\xbfa", "a"},
		"undeclared utf-16":      {"", "\xff\xfea\x00b\x00", "ab"},
		"utf-7":                  {"utf-7", "Gr+APwA3w-e +- ok", "Grüße + ok"},
		"koi8-r":                 {"koi8-r", "\xd0\xd2\xc9\xd7\xc5\xd4", "привет"},
		"shift_jis":              {"shift_jis", "\x93\xfa\x96{", "日本"},
		"undeclared 2022-jp":     {"", "\x1b$BF|K\\\x1b(B", "日本"},
		"korean alias":           {"ks_c_5601-1987", "\xc7\xd1", "한"},
		"gb2312":                 {"gb2312", "\xc4\xe3", "你"},
		"alias":                  {"cp-1252", "\x80", "€"},
		"quoted alias":           {"'UTF8'", "\xc3\xbc", "ü"},
		"ibm":                    {"cp850", "\x81", "ü"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			typ := "Content-Type: text/plain"
			if c.charset != "" {
				typ += "; charset=\"" + c.charset + "\""
			}
			if e := parse(t, head+typ+"\r\n\r\n"+c.raw); e.Text != c.text {
				t.Errorf("%q gives %q, want %q", c.raw, e.Text, c.text)
			}
		})
	}
}

func TestDecodeWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                              "plain",
		"=?utf-8?q?Gr=C3=BC=C3=9Fe?=":        "Grüße",
		"=?UTF-8?B?R3LDvMOfZQ==?=":           "Grüße",
		"=?UTF-8?B?R3LDvMOfZQ?=":             "Grüße", // no padding
		"=?utf-8?q?a?= =?utf-8?q?b?=":        "ab",
		"=?utf-8?q?a?=\r\n =?utf-8?q?b?=":    "ab",
		"=?utf-8?q?a?= b =?utf-8?q?c?=":      "a b c",
		"=?utf-8?q?Gr=C3?= =?utf-8?q?=BCn?=": "Grün", // a character cut in two
		"=?utf-8?q?a b?=":                    "a b",  // a space inside
		"x=?utf-8?q?a?=y":                    "xay",  // no space around
		"=?utf-8*en?q?a?=":                   "a",
		"=?utf-8?q?a_b?=":                    "a b",
		"=?utf-8?Q?=41?=":                    "A",
		"=?utf-8?q??=":                       "",
		"=?utf-8?q?never closed":             "never closed",
		"=?utf-8?x?a?=":                      "=?utf-8?x?a?=",
		"=?klingon?q?a?=":                    "a",
		"=?iso-8859-1?q?Gr=FC=DFe?=":         "Grüße",
		"Gr\xfc\xdfe":                        "Grüße",
		"Gr\xc3\xbc\xc3\x9fe":                "Grüße",
		"1 =? 2":                             "1 =? 2",
		"=?":                                 "=?",
		`"=?utf-8?q?a?=" b`:                  `"a" b`,
	} {
		if got := decodeWords(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestParseFields(t *testing.T) {
	t.Parallel()
	e := parse(t, "Return-Path: <bounce@x.example>\r\nDelivered-To: support@desk.example\r\nX-Original-To: support+T-ABCDEFGHIJKLMNOPQRSTUVWXYZ234567@desk.example\r\n"+
		"Received: from a by b; Sun, 22 Nov 2026 10:00:01 +0000\r\n"+
		"Message-ID: <one@x.example>\r\nIn-Reply-To: <two@x.example> (Ann's message)\r\nReferences: <three@x.example>\r\n <two@x.example> <>\r\n"+
		"From: =?utf-8?q?J=C3=B6rg?= <j@x.example>\r\nSender: s@x.example\r\nReply-To: r@x.example\r\n"+
		"To: Desk <support+other@desk.example>, b@x.example\r\nCc: c@x.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n at all\r\n"+
		"Date: Sun, 22 Nov 2026 11:00:00 +0100 (CET)\r\nX-Priority: 1 (Highest)\r\n\r\ntext")
	check := func(field string, got, want any) {
		if got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	check("message id", e.MessageID, "one@x.example")
	check("in reply to", strings.Join(e.InReplyTo, " "), "two@x.example")
	check("references", strings.Join(e.References, " "), "three@x.example two@x.example")
	check("from", e.From, Address{"Jörg", "j@x.example"})
	check("sender", e.Sender.Address, "s@x.example")
	check("reply to", e.ReplyTo[0].Address, "r@x.example")
	check("to", e.To[0], Address{"Desk", "support+other@desk.example"})
	check("cc", e.Cc[0].Address, "c@x.example")
	check("return path", e.ReturnPath, "bounce@x.example")
	check("null return path", e.NullReturnPath, false)
	check("delivered to", e.DeliveredTo[0], "support@desk.example")
	check("subject", e.Subject, "Grüße at all")
	check("date", e.Date, time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	check("importance", e.Importance, ImportanceHigh)
	check("token", e.Token, "t-abcdefghijklmnopqrstuvwxyz234567")
	check("tags", strings.Join(e.Tags, " "), "t-abcdefghijklmnopqrstuvwxyz234567 other")
}

func TestMessageIDs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "<>": "", "< >": "", "<a@b>": "a@b", " < a@b > ": "a@b", "a@b": "a@b", "<a@\r\n b>": "a@b", "<no-at>": "no-at", "<a@b> <c@d>": "a@b", "@": "", "<<a@b>>": "a@b",
		"<a\x00b@c>": "ab@c", "<" + strings.Repeat("a", 2000) + "@b>": "",
	} {
		if got := messageID(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
	var sixty strings.Builder
	for range 60 {
		sixty.WriteString("<" + strings.Repeat("a", sixty.Len()%50+1) + "@b>\r\n ")
	}
	if got := messageIDs(sixty.String()); len(got) != 60 {
		t.Errorf("%d of 60 references", len(got))
	}
	many := "<first@x> " + strings.Repeat("<middle@x> ", 500) + "<last@x>"
	got := messageIDs(many)
	if len(got) != maxReferences || got[0] != "first@x" || got[len(got)-1] != "last@x" {
		t.Errorf("%d references from %s to %s", len(got), got[0], got[len(got)-1])
	}
	if got := messageIDs("<> <a@b> < > text"); !slices.Equal(got, []string{"a@b"}) {
		t.Errorf("empty ids are kept: %q", got)
	}
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, in := range []string{
		"Sun, 22 Nov 2026 10:00:00 +0000", "22 Nov 2026 10:00:00 GMT", "Sun, 22 Nov 2026 12:00:00 +0200 (EET)", "Sun, 22 Nov 2026 10:00:00 UT", "Sun,  22  Nov 2026 10:00:00 +0000",
		"2026-11-22T10:00:00Z", "Sun Nov 22 10:00:00 2026", "Sun, 22 Nov 2026 10:00:00", "Sunday, 22 November 2026 10:00:00 +0000",
	} {
		if got := parseDate(in); !got.Equal(want) {
			t.Errorf("%q gives %v", in, got)
		}
	}
	for _, in := range []string{"", "yesterday", "Sun, 22 Nov 99999 10:00:00 +0000", "Mon, 1 Jan 0001 00:00:00 +0000"} {
		if got := parseDate(in); !got.IsZero() {
			t.Errorf("%q gives %v", in, got)
		}
	}
}

func TestImportance(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]Importance{
		"X-Priority: 1": "high", "X-Priority: 2 (High)": "high", "X-Priority: 3": "", "X-Priority: 5": "low", "Importance: High": "high", "Importance: low": "low",
		"X-MSMail-Priority: High": "high", "Priority: urgent": "high", "Priority: non-urgent": "low", "Priority: normal": "", "X-A: b": "",
	} {
		if e := parse(t, head+field+"\r\n\r\ntext"); e.Importance != want {
			t.Errorf("%s gives %q, want %q", field, e.Importance, want)
		}
	}
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	part := func(header, content string) string { return "--b\r\n" + header + "\r\n\r\n" + content + "\r\n" }
	raw := head + "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n" +
		part("Content-Type: text/plain", "the text") +
		part("Content-Type: application/pdf; name=\"..\\..\\evil.pdf\"\r\nContent-Transfer-Encoding: base64", "QUJD\r\nREVG") +
		part("Content-Type: image/png\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64", "QUJD") +
		part("Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename*0*=utf-8''Gr%C3%BC; filename*1=sse.txt", "x\r\ny") +
		part("Content-Type: text/plain\r\nContent-Disposition: attachment; filename=\"=?utf-8?q?Gr=C3=BC=C3=9Fe=2Etxt?=\"", "hello") +
		part("Content-Type: application/ms-tnef", "tnef") +
		part("Content-Type: image/jpeg; name=\"gpj.\u202egpj.exe\"", "x") +
		part("Content-Type: application/zip; name=a file.zip\r\nContent-Transfer-Encoding: x-uuencode", "begin 644 a\r\n#0V%T\r\n`\r\nend") +
		"--b--\r\n"
	contents := map[string]string{}
	e, err := Parse(strings.NewReader(raw), DefaultLimits(), func(a *Attachment, content io.Reader) error {
		b, err := io.ReadAll(content)
		contents[a.Name] = string(b)
		if a.Size != int64(len(b)) || a.SHA256 != sha256.Sum256(b) {
			t.Errorf("%s: size %d and hash are not those of its %d bytes", a.Name, a.Size, len(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, t.Name(), e)
	if e.Text != "the text" {
		t.Errorf("text %q", e.Text)
	}
	want := []struct {
		name, typ, content string
		inline             bool
	}{
		{"evil.pdf", "application/pdf", "ABCDEF", false}, {"image.png", "image/png", "ABC", true}, {"Grüsse.txt", "application/octet-stream", "x\r\ny", false},
		{"Grüße.txt", "text/plain", "hello", false}, {"winmail.dat", "application/ms-tnef", "tnef", false}, {"gpj.gpj.exe", "image/jpeg", "x", false}, {"a file.zip", "application/zip", "Cat", false},
	}
	if len(e.Attachments) != len(want) {
		t.Fatalf("%d attachments: %v", len(e.Attachments), e.Attachments)
	}
	for i, w := range want {
		a := e.Attachments[i]
		if a.Name != w.name || a.Type != w.typ || a.Inline != w.inline || contents[w.name] != w.content || a.Size != int64(len(w.content)) {
			t.Errorf("attachment %d is %+v with %q, want %+v", i, a, contents[a.Name], w)
		}
	}
	if e.Attachments[1].ContentID != "logo@x" {
		t.Errorf("content id %q", e.Attachments[1].ContentID)
	}
}

// What keep leaves unread is measured and hashed all the same.
func TestAttachmentLeftUnread(t *testing.T) {
	t.Parallel()
	raw := head + "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJDREVG\r\n"
	e, err := Parse(strings.NewReader(raw), DefaultLimits(), func(_ *Attachment, content io.Reader) error {
		_, err := content.Read(make([]byte, 1))
		return err
	})
	if err != nil || e.Attachments[0].Size != 6 || e.Attachments[0].SHA256 != sha256.Sum256([]byte("ABCDEF")) {
		t.Errorf("error %v, attachments %v", err, e.Attachments)
	}
}

func TestForwardedEmail(t *testing.T) {
	t.Parallel()
	inner := "From: Bob <bob@x.example>\r\nSubject: the inner one\r\n\r\nthe inner text\r\n"
	e := parse(t, head+"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nplease see below\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"+inner+"--b--\r\n")
	if e.Text != "please see below" || !strings.Contains(e.Forwarded, "the inner text") || !strings.Contains(e.Forwarded, "From: Bob <bob@x.example>") {
		t.Errorf("text %q, forwarded %q", e.Text, e.Forwarded)
	}
	if len(e.Attachments) != 1 || e.Attachments[0].Name != "message.eml" || e.Attachments[0].SHA256 != sha256.Sum256([]byte(strings.TrimSuffix(inner, "\r\n"))) {
		t.Errorf("attachments %v", e.Attachments)
	}
	e = parse(t, head+"\r\nplease see below\r\n\r\n---------- Forwarded message ---------\r\nFrom: Bob <bob@x.example>\r\nSubject: x\r\n\r\nthe inner text\r\n")
	if e.Reply != "please see below" || !strings.Contains(e.Forwarded, "the inner text") {
		t.Errorf("reply %q, forwarded %q", e.Reply, e.Forwarded)
	}
}

func TestAlternativesAndFlowed(t *testing.T) {
	t.Parallel()
	e := parse(t, head+"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; format=flowed\r\n\r\na \r\nb\r\n> c \r\n> d\r\n-- \r\ne\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>a b</p>\r\n--b--\r\n")
	if e.Text != "a b\n> c d\n--\ne" || e.HTML != "<p>a b</p>" {
		t.Errorf("text %q, html %q", e.Text, e.HTML)
	}
	if e.Reply != "a b" || e.Signature != "--\ne" || e.Cut != "> c d" {
		t.Errorf("reply %q, signature %q, cut %q", e.Reply, e.Signature, e.Cut)
	}
	e = parse(t, head+"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>only \xc3\xbc here</p>\r\n--b--\r\n")
	if e.Text != "only ü here" {
		t.Errorf("text %q", e.Text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "\r\ntext"))
	f.Add([]byte(head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@b\r\n\r\nx\r\n--b--\r\n"))
	f.Add([]byte("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nAction: failed\n\n--b--"))
	f.Add([]byte("Content-Type: text/html; charset=utf-7\nContent-Transfer-Encoding: quoted-printable\n\n<a href=3D\"x\">=\n+AP8-<blockquote>"))
	f.Add([]byte("Content-Type: text/plain; format=flowed; delsp=yes\nContent-Transfer-Encoding: base64\n\nT24gTW9uIEFubiB3cm90ZTo="))
	f.Add([]byte("From a\r\rSubject: =?utf-8?q?=C3?=\r =?utf-8?b?vA?=\r\rx"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		lim := DefaultLimits()
		lim.Depth, lim.Parts, lim.Text, lim.Header = 5, 20, 4096, 2048
		e, err := Parse(bytes.NewReader(raw), lim, func(a *Attachment, content io.Reader) error {
			n, err := io.Copy(io.Discard, content)
			if n != a.Size {
				t.Errorf("attachment of %d bytes says %d", n, a.Size)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		checkInvariants(t, "fuzz", e)
		if PeekMessageID(raw) == "" && e.MessageID != "" && !hasProblem(e, "header") && len(raw) < 2048 {
			t.Errorf("peek does not find %q", e.MessageID)
		}
	})
}
