package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

func TestMailComesOutAsItWentIn(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	raw := testEmail("hello", 3000)
	before := time.Now().Add(-time.Second)
	sendMail(t, m.SMTPAddr(), raw, testSupport)

	got := inbox(t, m.IMAPAddr(), testSupport)
	if len(got) != 1 || got[0].UID != 1 {
		t.Fatalf("want one email with UID 1, got %d", len(got))
	}
	body := bodyOf(t, got[0])
	if !bytes.HasSuffix(body, raw) {
		t.Error("the bytes that were sent are not at the end of those that came")
	}
	if got[0].InternalDate.Before(before) || got[0].InternalDate.After(time.Now().Add(time.Second)) {
		t.Errorf("INTERNALDATE is %v", got[0].InternalDate)
	}
	for field, want := range map[string]string{
		"Return-Path": "<ann@client.example>", "Delivered-To": "support@desk.example",
	} {
		if have := headerField(body, field); have != want {
			t.Errorf("%s is %q, want %q", field, have, want)
		}
	}
	received := headerField(body, "Received")
	for _, part := range []string{"from localhost ([127.0.0.1])", "by desk.example", " with UTF8SMTP id ", "for <support@desk.example>; "} {
		if !strings.Contains(received, part) {
			t.Errorf("Received is %q, without %q", received, part)
		}
	}
}

func TestTagAndCaseLeadToOneMailbox(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	for _, to := range []string{"support+t-abc@desk.example", "SUPPORT@Desk.Example", "Support+T-X+y@DESK.example"} {
		sendMail(t, m.SMTPAddr(), testEmail(to, 100), to)
		got := inbox(t, m.IMAPAddr(), testSupport)
		last := bodyOf(t, got[len(got)-1])
		if have := headerField(last, "Delivered-To"); have != to {
			t.Errorf("Delivered-To is %q, want the whole address %q", have, to)
		}
	}
	if got := inbox(t, m.IMAPAddr(), "Support+anything@desk.example"); len(got) != 3 {
		t.Errorf("a login with a tag finds %d emails, want 3", len(got))
	}
	if got := inbox(t, m.IMAPAddr(), "support"); len(got) != 3 {
		t.Errorf("a login without a domain finds %d emails, want 3", len(got))
	}
	if got := inbox(t, m.IMAPAddr(), "support@other.example"); len(got) != 0 {
		t.Errorf("another domain's mailbox holds %d emails, want none", len(got))
	}
}

func TestEveryRecipientGetsACopyFromOneRecord(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	inbox(t, m.IMAPAddr(), testSupport)
	inbox(t, m.IMAPAddr(), "sales@desk.example")
	before := m.store.journal.size
	raw := testEmail("two", 100_000)
	sendMail(t, m.SMTPAddr(), raw, testSupport, "sales+eu@desk.example", "SUPPORT@desk.example")
	if grown := m.store.journal.size - before; grown > int64(len(raw))+3000 {
		t.Errorf("the journal grew by %d bytes for an email of %d: the body lies there twice", grown, len(raw))
	}
	for user, tagged := range map[string]string{testSupport: testSupport, "sales@desk.example": "sales+eu@desk.example"} {
		got := inbox(t, m.IMAPAddr(), user)
		if len(got) != 1 {
			t.Fatalf("%s holds %d emails, want 1", user, len(got))
		}
		body := bodyOf(t, got[0])
		if have := headerField(body, "Delivered-To"); have != tagged || !bytes.HasSuffix(body, raw) {
			t.Errorf("%s: Delivered-To is %q, want %q above the bytes sent", user, have, tagged)
		}
		if received := headerField(body, "Received"); strings.Contains(received, "sales") != strings.Contains(user, "sales") {
			t.Errorf("%s: Received tells of another recipient: %q", user, received)
		}
	}
	// Two tags of one mailbox are two recipients, as with other servers.
	sendMail(t, m.SMTPAddr(), testEmail("tags", 10), "x+1@desk.example", "x+2@desk.example")
	if got := inbox(t, m.IMAPAddr(), "x@desk.example"); len(got) != 2 {
		t.Errorf("two tagged recipients of one mailbox made %d copies, want 2", len(got))
	}
}

func TestRefusalsForTrying(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	for to, want := range map[string]string{
		"refuse-me@desk.example":     "550 5.1.1",
		"Refuse-Me+tag@desk.example": "550 5.1.1",
		"later-on@desk.example":      "451 4.3.0",
	} {
		err := smtp.SendMail(m.SMTPAddr(), nil, testSender, []string{to}, testEmail("no", 10))
		if have := answerCodes(err); have != want {
			t.Errorf("%s: got %v, want %s", to, err, want)
		}
	}
	// One refused recipient does not take the others along.
	c, err := smtp.Dial(m.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail(testSender); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt("refuse-a@desk.example"); err == nil {
		t.Error("refuse-a was accepted")
	}
	if err := c.Rcpt(testSupport); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	w.Write(testEmail("rest", 10))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := inbox(t, m.IMAPAddr(), testSupport); len(got) != 1 {
		t.Errorf("the accepted recipient has %d emails, want 1", len(got))
	}
}

func TestAuthRightAndWrong(t *testing.T) {
	t.Parallel()
	config := mailConfig(t.TempDir())
	config.Sign = func(_ io.Reader, domain string) ([]byte, error) {
		return []byte("X-Signed: " + domain + "\r\n"), nil
	}
	m := startMail(t, config)
	good := map[string]sasl.Client{
		"PLAIN": sasl.NewPlainClient("", "boss@client.example", testPassword),
		"LOGIN": sasl.NewLoginClient("boss@client.example", testPassword),
	}
	for name, auth := range good {
		if err := authAndSend(m, auth, name); err != nil {
			t.Fatalf("AUTH %s: %v", name, err)
		}
	}
	sendMail(t, m.SMTPAddr(), testEmail("without", 10), testSupport)
	got := inbox(t, m.IMAPAddr(), testSupport)
	if len(got) != 3 {
		t.Fatalf("%d emails came, want 3", len(got))
	}
	for _, email := range got {
		body := bodyOf(t, email)
		unsigned := headerField(body, "Subject") == "without"
		if have := headerField(body, "X-Signed"); (have == "") != unsigned || !unsigned && have != "client.example" {
			t.Errorf("%s: X-Signed is %q; mail handed in with AUTH is signed for the From domain, other mail is not",
				headerField(body, "Subject"), have)
		}
		if with := headerField(body, "Received"); strings.Contains(with, "with ESMTPA id ") == unsigned {
			t.Errorf("%s: Received is %q", headerField(body, "Subject"), with)
		}
	}
	if journal := storedMessages(t, m); len(journal) != 3 || !journal[0].Authenticated || !journal[1].Authenticated || journal[2].Authenticated {
		t.Errorf("the journal does not tell which mail was handed in with AUTH: %+v", journal)
	}
	for name, auth := range map[string]sasl.Client{
		"wrong password":   sasl.NewPlainClient("", "boss@client.example", testPassword+"x"),
		"empty password":   sasl.NewPlainClient("", "boss@client.example", ""),
		"wrong with LOGIN": sasl.NewLoginClient("boss@client.example", "guess"),
		"nobody":           sasl.NewPlainClient("", "", testPassword),
	} {
		err := authAndSend(m, auth, name)
		var refused *gosmtp.SMTPError
		if !errors.As(err, &refused) || refused.Code != 535 {
			t.Errorf("%s: got %v, want 535", name, err)
		}
	}
	for _, wrong := range []string{"", testPassword + "x"} {
		if err := dialIMAP(t, m.IMAPAddr(), nil).Login(testSupport, wrong).Wait(); err == nil {
			t.Errorf("IMAP let in with password %q", wrong)
		}
	}
}

// answerCodes gives the basic and the enhanced code of a refusal.
func answerCodes(err error) string {
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		return ""
	}
	enhanced, _, _ := strings.Cut(answer.Msg, " ")
	return fmt.Sprintf("%d %s", answer.Code, enhanced)
}

func authAndSend(m *Mail, auth sasl.Client, subject string) error {
	c, err := gosmtp.Dial(m.SMTPAddr())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Auth(auth); err != nil {
		return err
	}
	return c.SendMail("bounces@elsewhere.example", []string{testSupport}, bytes.NewReader(testEmail(subject, 10)))
}

func TestFailedSigningLosesNothing(t *testing.T) {
	t.Parallel()
	config := mailConfig(t.TempDir())
	config.Sign = func(io.Reader, string) ([]byte, error) { return nil, errors.New("no key") }
	m := startMail(t, config)
	err := authAndSend(m, sasl.NewPlainClient("", "a@b.example", testPassword), "unsigned")
	var refused *gosmtp.SMTPError
	if !errors.As(err, &refused) || refused.Code != 451 || strings.Contains(refused.Message, "key") {
		t.Errorf("got %v, want 451 without the reason", err)
	}
	if got := inbox(t, m.IMAPAddr(), testSupport); len(got) != 0 {
		t.Errorf("%d emails were stored unsigned", len(got))
	}
}

func TestTwentyMebibytes(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	raw := testEmail("large", 20<<20)
	sendMail(t, m.SMTPAddr(), raw, testSupport, "sales@desk.example")
	for _, user := range []string{testSupport, "sales@desk.example"} {
		got := inbox(t, m.IMAPAddr(), user)
		if len(got) != 1 || !bytes.HasSuffix(bodyOf(t, got[0]), raw) {
			t.Errorf("%s did not get the 20 MiB whole", user)
		}
	}
}

func TestOverTheSizeLimit(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	err := smtp.SendMail(m.SMTPAddr(), nil, testSender, []string{testSupport}, testEmail("huge", mailMaxBytes))
	if answerCodes(err) != "552 5.3.4" {
		t.Errorf("65 MiB: got %v, want 552 5.3.4", err)
	}
	if got := inbox(t, m.IMAPAddr(), testSupport); len(got) != 0 {
		t.Errorf("%d emails were stored", len(got))
	}
}

func TestIdleNoticeComesAtOnce(t *testing.T) {
	t.Parallel()
	m := startMail(t, mailConfig(t.TempDir()))
	arrived := make(chan uint32, 100)
	c := dialIMAP(t, m.IMAPAddr(), &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				arrived <- *data.NumMessages
			}
		},
	}})
	if err := c.Login(testSupport, testPassword).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	// The first arrives before IDLE begins: it must be told at its beginning.
	sendMail(t, m.SMTPAddr(), testEmail("early", 10), testSupport)
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	for n := uint32(1); n <= 5; n++ {
		if n > 1 {
			sendMail(t, m.SMTPAddr(), testEmail(fmt.Sprint(n), 10), testSupport)
		}
		sent := time.Now()
		select {
		case got := <-arrived:
			if got != n {
				t.Errorf("notice says %d messages, want %d", got, n)
			}
			t.Logf("notice after %v", time.Since(sent))
		case <-time.After(5 * time.Second):
			t.Fatalf("no notice of email %d", n)
		}
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if err := idle.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestNothingCanStartWithoutThePassword(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*MailConfig){
		"no password": func(c *MailConfig) { c.Password = "" },
		"no folder":   func(c *MailConfig) { c.Dir = "" },
		"no domain":   func(c *MailConfig) { c.Domain = "" },
		"bad SMTP":    func(c *MailConfig) { c.SMTPAddr = "127.0.0.1:99999" },
		"bad IMAP":    func(c *MailConfig) { c.IMAPAddr = "nowhere" },
	} {
		c := mailConfig(t.TempDir())
		spoil(&c)
		if m, err := StartMail(t.Context(), c); err == nil {
			t.Errorf("%s: started", name)
			stopped(t, m)
		}
	}
}

func TestOneServerADirectory(t *testing.T) {
	t.Parallel()
	c := mailConfig(t.TempDir())
	first := startMail(t, c)
	if _, err := StartMail(t.Context(), c); err == nil || !strings.Contains(err.Error(), "another mail server") {
		t.Fatalf("a second server on the same directory: %v", err)
	}
	stopped(t, first)
	startMail(t, c)
}

// storedMessages reads the journal's records of emails.
func storedMessages(t *testing.T, m *Mail) (stored []*messageStored) {
	t.Helper()
	_, err := scanMailJournal(m.store.journal.file, m.store.journal.size, func(r mailStored) error {
		change, err := decodeMailChange(r.kind, r.meta)
		if s, ok := change.(*messageStored); ok {
			stored = append(stored, s)
		}
		return err
	})
	if err != nil {
		t.Fatalf("reading the journal: %v", err)
	}
	return stored
}
