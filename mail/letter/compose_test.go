package letter

import (
	"bufio"
	"bytes"
	"io"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
	gomail "github.com/emersion/go-message/mail"
	"github.com/google/go-cmp/cmp"
)

func file(name, mediaType, content string) Attachment {
	return Attachment{Name: name, Type: mediaType, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

// plain is the smallest letter; tests change what they are about.
func plain() Letter {
	return Letter{
		From:      Address{"Northwind Support", "support@desk.example"},
		To:        []Address{{"Ann O'Hara", "ann@client.example"}},
		Subject:   "Re: printer on fire [#1042]",
		MessageID: "00010203-0405-0607-0809-0a0b0c0d0e0f@desk.example",
		Date:      march,
		Text:      "Hello",
	}
}

// full uses every field.
func full() Letter {
	l := plain()
	l.To = append(l.To, Address{"Zoë Müller", "zoe@müller.example"}, Address{"", "bare@client.example"})
	l.Cc = []Address{{"田中 太郎", "tanaka@client.example"}, {`Quote " and \ slash, comma`, `odd name@client.example`}}
	l.ReplyTo = "support+t-abc@desk.example"
	l.Subject = "Re: Drucker 🔥 brennt – schon wieder, und zwar im dritten Stock neben der Kaffeeküche [#1042]"
	l.InReplyTo = "parent@client.example"
	l.References = []string{"root@client.example", "middle@client.example"}
	l.Auto = AutoReplied
	l.Text = "Grüße 🔥\n.\n..two\nFrom here\n>From there\ntrailing space \n\t\n" + strings.Repeat("long ", 300) + "\n" + strings.Repeat("ü", 700)
	l.HTML = "<p>Grüße</p>\n<p>.</p>\nFrom here" + strings.Repeat("<b>x</b>", 400)
	l.Attachments = []Attachment{
		file("Rechnung Größe 🔥.pdf", "application/pdf", strings.Repeat("\x00\xff\r\n.\r\n", 999)),
		file(strings.Repeat("長い名前", 30)+".txt", "text/plain; charset=utf-8", ".\n"),
		file("empty.bin", "not a type", ""),
		file("", "message/rfc822", "Subject: x\r\n\r\ny"),
	}
	return l
}

func compose(t *testing.T, l Letter) string {
	t.Helper()
	var b bytes.Buffer
	if err := Compose(&b, l); err != nil {
		t.Fatalf("Compose: %v", err)
	}
	checkWire(t, b.String())
	return b.String()
}

// checkWire holds for every email that leaves Compose.
func checkWire(t *testing.T, raw string) {
	t.Helper()
	if !strings.HasSuffix(raw, "\r\n") {
		t.Error("the email does not end with CRLF")
	}
	if rest := strings.ReplaceAll(raw, "\r\n", ""); strings.ContainsAny(rest, "\r\n\x00") {
		t.Error("a bare CR, a bare LF or a NUL got out")
	}
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if len(line) > 998 {
			t.Errorf("header line of %d bytes", len(line))
		}
	}
	for line := range strings.SplitSeq(raw[len(head):], "\r\n") {
		if len(line) > 998 || strings.HasPrefix(line, "From ") || strings.HasPrefix(line, ".") || !isASCII(line) {
			t.Errorf("body line a relay may change: %.90q", line)
		}
	}
}

func TestComposedLetterReadsBackByGoMessage(t *testing.T) {
	t.Parallel()
	l := full()
	r, err := gomail.CreateReader(strings.NewReader(compose(t, l)))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := r.Header.Subject()
	if err != nil || subject != l.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	want := map[string][]Address{
		"From": {l.From}, "Cc": l.Cc, "Reply-To": {{Address: l.ReplyTo}},
		"To": {l.To[0], {"Zoë Müller", "zoe@xn--mller-kva.example"}, l.To[2]},
	}
	for field, list := range want {
		got, err := r.Header.AddressList(field)
		if err != nil {
			t.Fatal(field, err)
		}
		for i, a := range got {
			if (Address{a.Name, a.Address}) != list[i] {
				t.Errorf("%s %d: %+v, want %+v", field, i, a, list[i])
			}
		}
		if len(got) != len(list) {
			t.Errorf("%s has %d addresses, want %d", field, len(got), len(list))
		}
	}
	date, err := r.Header.Date()
	if err != nil || !date.Equal(l.Date) {
		t.Errorf("date %v, %v", date, err)
	}
	refs, err := r.Header.MsgIDList("References")
	if diff := cmp.Diff([]string{"root@client.example", "middle@client.example", "parent@client.example"}, refs); err != nil || diff != "" {
		t.Errorf("references %v\n%s", err, diff)
	}
	readParts(t, r, l)
}

// readParts compares texts and attachments.
func readParts(t *testing.T, r *gomail.Reader, l Letter) {
	t.Helper()
	texts, names := []string{}, []string{}
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		h, attached := p.Header.(*gomail.AttachmentHeader)
		if !attached {
			texts = append(texts, strings.ReplaceAll(string(content), "\r\n", "\n"))
			continue
		}
		name, err := h.Filename()
		if err != nil {
			t.Fatal(err)
		}
		rc, _ := l.Attachments[len(names)].Open()
		want, _ := io.ReadAll(rc)
		if !bytes.Equal(content, want) {
			t.Errorf("attachment %q has %d bytes, want %d", name, len(content), len(want))
		}
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{l.Text + "\n", l.HTML + "\n"}, texts); diff != "" {
		t.Errorf("texts differ:\n%s", diff)
	}
	long := cutBytes(strings.Repeat("長い名前", 30)+".txt", maxName)
	if diff := cmp.Diff([]string{l.Attachments[0].Name, long, "empty.bin", ""}, names); diff != "" {
		t.Errorf("names differ:\n%s", diff)
	}
}

func TestComposedLetterReadsBackByNetMail(t *testing.T) {
	t.Parallel()
	l := full()
	m, err := mail.ReadMessage(strings.NewReader(compose(t, l)))
	if err != nil {
		t.Fatal(err)
	}
	cc, err := m.Header.AddressList("Cc")
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range cc {
		if (Address{a.Name, a.Address}) != l.Cc[i] {
			t.Errorf("Cc %d: %+v, want %+v", i, a, l.Cc[i])
		}
	}
	if got := m.Header.Get("Message-ID"); got != "<"+l.MessageID+">" {
		t.Errorf("Message-ID %s", got)
	}
}

func TestComposedLetterMatchesItsGoldenFile(t *testing.T) {
	t.Parallel()
	r, err := RenderAnswer(answer)
	if err != nil {
		t.Fatal(err)
	}
	l := full()
	l.Subject, l.Text, l.HTML, l.Auto = r.Subject, r.Text, r.HTML, r.Auto
	l.Attachments = []Attachment{file("Größe.txt", "text/plain", "hello")}
	golden(t, "answer.eml", strings.ReplaceAll(compose(t, l), "\r\n", "\n"))
}

func TestSameLetterGivesSameBytes(t *testing.T) {
	t.Parallel()
	first := compose(t, full())
	if first != compose(t, full()) {
		t.Error("two letters built alike differ")
	}
	other := full()
	other.MessageID = "other@desk.example"
	if boundary("mixed", other.MessageID) == boundary("mixed", full().MessageID) {
		t.Error("the boundary does not depend on the Message-ID")
	}
}

func TestShapesOfLetters(t *testing.T) {
	t.Parallel()
	a := file("a.txt", "text/plain; charset=utf-8", "x")
	for _, c := range []struct {
		name, html string
		files      []Attachment
		want       []string
	}{
		{"text", "", nil, []string{"text/plain"}},
		{"text and HTML", "<p>", nil, []string{"multipart/alternative", "text/plain", "text/html"}},
		{"text and file", "", []Attachment{a}, []string{"multipart/mixed", "text/plain", "text/plain"}},
		{"all", "<p>", []Attachment{a}, []string{"multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/plain"}},
	} {
		l := plain()
		l.HTML, l.Attachments = c.html, c.files
		e, err := message.Read(strings.NewReader(compose(t, l)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = e.Walk(func(_ []int, e *message.Entity, err error) error {
			kind, _, _ := e.Header.ContentType()
			got = append(got, kind)
			return err
		})
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", c.name, err, diff)
		}
	}
}

func TestAutomaticLettersSaySo(t *testing.T) {
	t.Parallel()
	for auto, want := range map[Auto][2]string{
		AutoNone:      {"", ""},
		AutoReplied:   {"auto-replied", "All"},
		AutoGenerated: {"auto-generated", "DR, RN, NRN, OOF, AutoReply"},
	} {
		l := plain()
		l.Auto = auto
		m, err := mail.ReadMessage(strings.NewReader(compose(t, l)))
		if err != nil {
			t.Fatal(err)
		}
		got := [2]string{m.Header.Get("Auto-Submitted"), m.Header.Get("X-Auto-Response-Suppress")}
		if got != want || m.Header.Get("Precedence") != "" {
			t.Errorf("%q: %v, want %v and no Precedence", auto, got, want)
		}
	}
}

func TestReferencesAreBounded(t *testing.T) {
	t.Parallel()
	l := plain()
	l.References = []string{"root@x.example", "with space@x.example", "ünï@x.example", "no-at", "<root@x.example>", strings.Repeat("x", 901) + "@x"}
	for i := range 200 {
		l.References = append(l.References, strings.Repeat("r", 40)+string(rune('a'+i%26))+strings.Repeat("s", i%7)+"@client.example")
	}
	l.References = append(l.References, "last@x.example", "root@x.example", strings.Repeat("y", 880)+"@x")
	l.InReplyTo = "last@x.example"
	m, err := mail.ReadMessage(strings.NewReader(compose(t, l)))
	if err != nil {
		t.Fatal(err)
	}
	field := m.Header.Get("References")
	ids := strings.Fields(field)
	if len(field) > maxReferences {
		t.Errorf("References has %d bytes", len(field))
	}
	if ids[len(ids)-1] != "<last@x.example>" {
		t.Errorf("the parent is not last: %s", ids[len(ids)-1])
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != strings.Count(field, "<") {
		t.Error("an identifier stands twice")
	}
	if strings.Contains(field, "no-at") || strings.Contains(field, "with") {
		t.Error("an unusable identifier got in")
	}
}

func TestFirstReferenceStays(t *testing.T) {
	t.Parallel()
	l := Letter{References: []string{"root@x"}, InReplyTo: "parent@x"}
	for range 90 {
		l.References = append(l.References, strings.Repeat("r", 1+len(l.References))+"@client.example")
	}
	ids := references(l)
	if ids[0] != "root@x" || ids[len(ids)-1] != "parent@x" || ids[len(ids)-2] != l.References[90] {
		t.Errorf("first %s, last %v", ids[0], ids[len(ids)-2:])
	}
}

func TestNewMessageID(t *testing.T) {
	t.Parallel()
	random := [16]byte{0: 0xff, 15: 1}
	for domain, want := range map[string]string{
		"desk.example":   "ff000000-0000-0000-0000-000000000001@desk.example",
		"DESK.Example":   "ff000000-0000-0000-0000-000000000001@desk.example",
		"müller.example": "ff000000-0000-0000-0000-000000000001@xn--mller-kva.example",
	} {
		if got := NewMessageID(random, domain); got != want || !usableID(got) {
			t.Errorf("NewMessageID(%q) = %q", domain, got)
		}
	}
}

// FuzzCompose tries to get a header field of its own, or a second body, out of
// every field that strangers fill.
func FuzzCompose(f *testing.F) {
	f.Add("subject", "name", "a@b.example", "id@x", "file.txt", "text")
	f.Add("x\r\nBcc: e@evil.example", "n\n", "a@b\r\n.example", "<id>@x>", "f\"\\;.txt", "\r\n.\r\nMAIL FROM:<>")
	f.Add("=?utf-8?q?=0ABcc:_e?=", "=?utf-8?b?Cg==?=", "\"a\\\"@b\"@c.example", "a@b c", "=?x", "--=_\r\n--")
	f.Add("", "", `""@x.example`, "", "", "")
	f.Add(strings.Repeat("x", 3000), strings.Repeat("\"", 300), "ü@ü.example", strings.Repeat("i", 899)+"@x", strings.Repeat("ü", 300), strings.Repeat("=", 999))
	f.Fuzz(func(t *testing.T, subject, name, address, id, filename, text string) {
		l := plain()
		l.Subject, l.InReplyTo, l.References = subject, id, []string{id, "x@y"}
		l.To[0] = Address{name, address}
		l.Attachments = []Attachment{file(filename, filename, text)}
		l.Text, l.HTML = text, "<p>"+text
		var b bytes.Buffer
		if err := Compose(&b, l); err != nil {
			return
		}
		checkWire(t, b.String())
		checkFields(t, l, b.Bytes())
	})
}

func checkFields(t *testing.T, l Letter, raw []byte) {
	t.Helper()
	r, err := gomail.CreateReader(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	known := "Date From To Subject Message-Id In-Reply-To References Mime-Version Content-Type"
	for fields := r.Header.Fields(); fields.Next(); {
		if !strings.Contains(known, fields.Key()) {
			t.Fatalf("field %q got in", fields.Key())
		}
	}
	if to, err := mail.ParseAddressList(r.Header.Get("To")); err != nil || len(to) != 1 {
		t.Errorf("To is %d addresses, %v", len(to), err)
	}
	// Readers trim the ends of a subject; nothing else may change.
	want := strings.TrimSpace(strings.ToValidUTF8(l.Subject, "\uFFFD"))
	if got, err := r.Header.Subject(); err != nil || strings.TrimSpace(got) != want {
		t.Errorf("subject %q, want %q (%v)", got, want, err)
	}
	parts := 0
	for {
		_, err := r.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		parts++
	}
	if parts != 3 {
		t.Errorf("%d parts, want text, HTML and one file", parts)
	}
}
