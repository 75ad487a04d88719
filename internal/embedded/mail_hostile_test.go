package embedded

import (
	"bytes"
	"fmt"
	"net/smtp"
	"strings"
	"testing"
)

const greeting = "EHLO client.example\r\n"

func envelopeFor(to string) string {
	return greeting + "MAIL FROM:<ann@client.example>\r\nRCPT TO:<" + to + ">\r\n"
}

// Each of these says something that no client should; afterwards the server
// still takes an email, and holds what the case expects.
func TestHostileSMTP(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		say    string
		want   string // in what the server says
		stored int
	}{
		"no EHLO":             {"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nQUIT\r\n", "502 5.5.1", 0},
		"no MAIL":             {greeting + "RCPT TO:<support@desk.example>\r\nDATA\r\nQUIT\r\n", "502 5.5.1", 0},
		"no RCPT":             {greeting + "MAIL FROM:<a@b.example>\r\nDATA\r\nQUIT\r\n", "502 5.5.1", 0},
		"binary":              {"\x00\x01\xff\xfe\r\n\x80\x81\r\n\r\n\x00\x00\x00\x00\x00\r\n\xff\xff\xff\xff\xff\xff\r\nQUIT\r\n", "50", 0},
		"endless line":        {greeting + "MAIL FROM:<" + strings.Repeat("a", mailMaxLine+10) + "\r\n", "Too long line", 0},
		"endless data line":   {envelopeFor(testSupport) + "DATA\r\n" + strings.Repeat("a", mailMaxLine+10) + "\r\n.\r\n", "451 4.3.0", 0},
		"cut off in DATA":     {envelopeFor(testSupport) + "DATA\r\nSubject: half\r\n\r\nhal", "451 4.3.0", 0},
		"cut off in BDAT":     {envelopeFor(testSupport) + "BDAT 1000 LAST\r\nSubject: half\r\n\r\nhal", "", 0},
		"RSET in BDAT":        {envelopeFor(testSupport) + "BDAT 4\r\nSubjRSET\r\nQUIT\r\n", "Session reset", 0},
		"empty BDAT, RSET":    {envelopeFor(testSupport) + "BDAT 0\r\nRSET\r\nQUIT\r\n", "Session reset", 0},
		"BDAT":                {envelopeFor(testSupport) + "BDAT 4\r\nSubjBDAT 8 LAST\r\nect: x\r\nQUIT\r\n", "OK: queued", 1},
		"pipelined":           {envelopeFor(testSupport) + "DATA\r\nSubject: x\r\n\r\ny\r\n.\r\nQUIT\r\n", "OK: queued", 1},
		"after QUIT":          {greeting + "QUIT\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n", "221", 0},
		"bare LF is no end":   {envelopeFor(testSupport) + "DATA\r\nSubject: x\n.\nMAIL FROM:<evil@x.example>\r\n.\r\nQUIT\r\n", "OK: queued", 1},
		"CR in an address":    {greeting + "MAIL FROM:<a@b\rX-Evil: y>\r\nQUIT\r\n", "501", 0},
		"CR in a recipient":   {greeting + "MAIL FROM:<a@b.example>\r\nRCPT TO:<\"a\rX-Evil: y\"@b>\r\nQUIT\r\n", "501", 0},
		"NUL in an address":   {greeting + "MAIL FROM:<a\x00@b.example>\r\nQUIT\r\n", "501", 0},
		"broken UTF-8":        {greeting + "MAIL FROM:<a\xff@b.example>\r\nQUIT\r\n", "501", 0},
		"long address":        {greeting + "MAIL FROM:<" + strings.Repeat("a", maxMailAddress) + "@b.example>\r\nQUIT\r\n", "501", 0},
		"SIZE too large":      {greeting + "MAIL FROM:<a@b.example> SIZE=99999999\r\nQUIT\r\n", "552 5.3.4", 0},
		"AUTH garbage":        {greeting + "AUTH PLAIN !!!\r\nAUTH PLAIN AAAA\r\nAUTH LOGIN\r\n*\r\nAUTH CRAM-MD5\r\nQUIT\r\n", "504 5.7.4", 0},
		"host name of a joke": {"EHLO (x)\x00\tby\x7f\r\nMAIL FROM:<>\r\nRCPT TO:<support@desk.example>\r\nDATA\r\n\r\n.\r\nQUIT\r\n", "OK: queued", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startMail(t, mailConfig(t.TempDir()))
			c := talkTo(t, m.SMTPAddr())
			c.say(test.say)
			if strings.HasPrefix(name, "cut off") {
				c.endOfInput()
			}
			if heard := c.hear(); !strings.Contains(heard, test.want) {
				t.Errorf("the server said %q, want %q in it", shorten(heard), test.want)
			}
			got := inbox(t, m.IMAPAddr(), testSupport)
			if len(got) != test.stored {
				t.Errorf("%d emails are stored, want %d", len(got), test.stored)
			}
			for _, email := range got {
				if head := string(bodyOf(t, email)); strings.ContainsAny(head[:strings.Index(head, "for <")], "\x00\x7f") {
					t.Errorf("a forged name reached the header: %q", shorten(head))
				}
			}
			sendMail(t, m.SMTPAddr(), testEmail("afterwards", 10), testSupport)
			if got := inbox(t, m.IMAPAddr(), testSupport); len(got) != test.stored+1 {
				t.Errorf("afterwards %d emails are stored, want %d", len(got), test.stored+1)
			}
		})
	}
}

func TestManyRecipients(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	var to []string
	for n := range mailMaxRecipients + 1 {
		to = append(to, fmt.Sprintf("r%d@desk.example", n))
	}
	if got := answerCodes(smtp.SendMail(m.SMTPAddr(), nil, testSender, to, testEmail("all", 10))); got != "452 4.5.3" {
		t.Errorf("one recipient too many: got %q, want 452 4.5.3", got)
	}
	sendMail(t, m.SMTPAddr(), testEmail("all", 10), to[:mailMaxRecipients]...)
	for _, user := range []string{to[0], to[mailMaxRecipients-1]} {
		if got := inbox(t, m.IMAPAddr(), user); len(got) != 1 {
			t.Errorf("%s holds %d emails, want 1", user, len(got))
		}
	}
}

// Emails that real servers have choked on come out byte for byte.
func TestOddEmailsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	odd := []string{
		"", "\r\n", "no header", "Subject: x\r\n\r\n..leading dots\r\n.\r\nmore\r\n",
		"Subject: \xff\xfe\r\n\r\n\x00 nul and \x80 eight bits\r\n",
		"From evil@x Mon Jan 1 00:00:00 2026\r\nSubject: mbox\r\n\r\nx\r\n",
		"Subject: one long line\r\n\r\n" + strings.Repeat("a", mailMaxLine-100) + "\r\n",
		strings.Repeat("X-Many: header\r\n", 20_000) + "\r\nx\r\n",
	}
	c, _ := openInbox(t, m.IMAPAddr(), testSupport)
	for i, raw := range odd {
		sent := raw + "\r\n" // DATA ends with a line
		c1 := talkTo(t, m.SMTPAddr())
		c1.say(envelopeFor(testSupport) + "DATA\r\n" + dotStuffed(sent) + ".\r\nQUIT\r\n")
		if heard := c1.hear(); !strings.Contains(heard, "OK: queued") {
			t.Fatalf("email %d was refused: %q", i, shorten(heard))
		}
		if err := c.Noop().Wait(); err != nil {
			t.Fatal(err)
		}
		got := fetchAll(t, c)
		if len(got) != i+1 || !bytes.HasSuffix(bodyOf(t, got[i]), []byte("\r\n"+sent)) {
			t.Errorf("email %d did not come out as it went in", i)
		}
	}
}

func dotStuffed(raw string) string {
	if strings.HasPrefix(raw, ".") {
		raw = "." + raw
	}
	return strings.ReplaceAll(raw, "\r\n.", "\r\n..")
}

func TestHostileIMAP(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	login := "a LOGIN support \"" + testPassword + "\"\r\nb SELECT INBOX\r\n"
	for name, test := range map[string]struct{ say, want string }{
		"binary":             {"\x00\xff\xfe\r\n\r\n", ""},
		"HTTP":               {"GET / HTTP/1.0\r\n\r\n", "Unknown command"},
		"no login":           {"a SELECT INBOX\r\nb FETCH 1 BODY[]\r\nc APPEND INBOX {2+}\r\nxx\r\nd IDLE\r\ne LOGOUT\r\n", "e OK"},
		"SASL garbage":       {"a AUTHENTICATE PLAIN =\r\nb AUTHENTICATE X\r\nc LOGIN x y\r\nd LOGOUT\r\n", "d OK"},
		"huge APPEND":        {login + "c APPEND INBOX {99999999999}\r\nd LOGOUT\r\n", "TOOBIG"},
		"huge set":           {login + "c FETCH 1:4294967295 (UID)\r\nd UID FETCH 1:4294967295 FLAGS\r\ne LOGOUT\r\n", "d OK"},
		"forged flags":       {login + "c APPEND INBOX (\\Recent \\Bogus word) {2+}\r\nxx\r\nd FETCH 1 FLAGS\r\ne LOGOUT\r\n", "FLAGS (word)"},
		"IDLE without a box": {"a LOGIN support \"" + testPassword + "\"\r\nb IDLE\r\nDONE\r\nc LOGOUT\r\n", "b OK"},
		"name with a tab":    {login + "c CREATE \"a\tb\"\r\nd LOGOUT\r\n", "d OK"},
	} {
		c := talkTo(t, m.IMAPAddr())
		c.say(test.say)
		c.endOfInput()
		if heard := c.hear(); !strings.Contains(heard, test.want) {
			t.Errorf("%s: the server said %q, want %q in it", name, heard, test.want)
		}
	}
	sendMail(t, m.SMTPAddr(), testEmail("afterwards", 10), testSupport)
	if got := inbox(t, m.IMAPAddr(), testSupport); len(got) == 0 {
		t.Error("afterwards no email arrives")
	}
}
