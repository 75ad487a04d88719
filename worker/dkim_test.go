package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	verifier "github.com/emersion/go-msgauth/dkim"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/mail/dkim"
	"github.com/postern-desk/postern/mail/letter"
	"github.com/postern-desk/postern/mail/smtp"
	"github.com/postern-desk/postern/worker"
)

// signs makes a key for the desk's domain and switches signing on with it.
func (d *desk) signs(t *testing.T, selector string) {
	t.Helper()
	if _, err := d.boxes.MakeDKIMKey(t.Context(), staffActor(), d.box.ID, selector); err != nil {
		t.Fatal(err)
	}
	d.sign(t, mailboxes.Signature{On: true, Selector: selector})
}

func (d *desk) sign(t *testing.T, s mailboxes.Signature) {
	t.Helper()
	if _, err := d.boxes.Sign(t.Context(), staffActor(), d.box.ID, s); err != nil {
		t.Fatal(err)
	}
	box, err := d.boxes.Get(t.Context(), staffActor(), d.box.ID)
	must(t, err)
	d.box = box
}

// records are those that `postern mailbox dkim` has published.
func (d *desk) records(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	state, err := d.boxes.DKIM(t.Context(), staffActor(), d.box.ID)
	must(t, err)
	for _, k := range state.Keys {
		out[dkim.RecordName(k.Selector, state.Domain)] = dkim.Record(k.Public)
	}
	return out
}

// signedBy are the selectors of the domain's good signatures on an email as it arrived.
func signedBy(t *testing.T, raw []byte, records map[string]string) (selectors []string) {
	t.Helper()
	found, err := verifier.VerifyWithOptions(bytes.NewReader(raw), &verifier.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if r, ok := records[name]; ok {
			selectors = append(selectors, strings.Split(name, ".")[0])
			return []string{r}, nil
		}
		return nil, errors.New("no such name: " + name)
	}})
	must(t, err)
	for _, v := range found {
		if v.Err != nil || v.Domain != "desk.example" || !slices.Contains(v.HeaderKeys, "Reply-To") {
			t.Errorf("a signature for %s over %v: %v", v.Domain, v.HeaderKeys, v.Err)
		}
	}
	return selectors
}

// queue owes ann a letter with this text.
func (d *desk) queue(t *testing.T, text string, files ...letter.Attachment) outbox.Letter {
	t.Helper()
	var l outbox.Letter
	err := d.db.Bookkeep(t.Context(), "test", func(tx *db.Tx) (err error) {
		l, err = d.outbox.Queue(tx, outbox.Draft{Kind: outbox.Answer, Mailbox: d.box, Recipient: annAt, To: []letter.Address{{Name: "Ann Ünlü", Address: annAt}},
			FromName: "Desk", ReplyTag: "t-abc", Words: letter.Rendered{Subject: "Über uns", Text: text}, Attachments: files})
		return err
	})
	must(t, err)
	return l
}

func (d *desk) letterBecomes(t *testing.T, l outbox.Letter, state string) {
	t.Helper()
	d.eventually(t, 20*time.Second, "the letter is "+state, "select state = $2 from letters where id = $1", l.ID, state)
}

// Tried: letters of all kinds of bodies, sent by the worker to a real server and verified as they arrived there; no
// signature before signing is switched on, none once it is off.
func TestLettersArriveSigned(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.work(t)
	if _, err := d.boxes.MakeDKIMKey(t.Context(), staffActor(), d.box.ID, "one"); err != nil {
		t.Fatal(err)
	}
	d.letterBecomes(t, d.queue(t, "before"), "sent")
	if got := signedBy(t, d.smtp.last().raw, d.records(t)); got != nil {
		t.Errorf("a key alone signs: %v", got)
	}
	d.sign(t, mailboxes.Signature{On: true})
	time.Sleep(2100 * time.Millisecond) // the login, and the key with it, is kept for two seconds
	for name, text := range map[string]string{
		"dots": ".\n..\n.\r\n.hidden\n", "8 bit": "Grüße \xff\xfe\n日本語\n", "bare line ends": "a\rb\nc\r\nd\r\r\ne", "a long line": strings.Repeat("lang ", 2000),
		"nothing": "", "blank lines": "\n\n\nx\n\n\n", "trailing spaces": "a  \t\n b \n",
	} {
		d.letterBecomes(t, d.queue(t, text, letter.Attachment{Name: "ä.bin", Type: "application/octet-stream",
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("\x00\r\n.\r\n\xff" + text)), nil }}), "sent")
		if got := signedBy(t, d.smtp.last().raw, d.records(t)); !slices.Equal(got, []string{"one"}) {
			t.Errorf("%s: signed by %v:\n%.2000s", name, got, d.smtp.last().raw)
		}
	}
	d.sign(t, mailboxes.Signature{})
	time.Sleep(2100 * time.Millisecond)
	d.letterBecomes(t, d.queue(t, "after"), "sent")
	if got := signedBy(t, d.smtp.last().raw, d.records(t)); got != nil {
		t.Errorf("signed by %v although it is off", got)
	}
}

// Tried: bytes that letters do not have today, signed and handed to a real server by the same client.
func TestSignatureSurvivesTheWireWhateverTheBytes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.signs(t, "one")
	key, err := d.boxes.SigningKey(t.Context(), "desk.example")
	must(t, err)
	secrets, err := d.boxes.Secrets(t.Context(), d.box.ID)
	must(t, err)
	account := worker.SMTPAccount(d.box, secrets, nil)
	pool := smtp.NewPool(1, time.Second, smtp.Timeouts{})
	t.Cleanup(pool.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for name, body := range map[string]string{"8 bit": "Gr\xfc\xdfe\r\n", "dots": ".\r\n..\r\n. \r\n...x\r\n", "a long line": strings.Repeat("x", 990) + "\r\n." + strings.Repeat("y", 990) + "\r\n",
		"no body": "", "only line ends": "\r\n\r\n\r\n"} {
		raw := []byte("From: support@desk.example\r\nTo: " + annAt + "\r\nSubject: x\r\nDate: Thu, 01 Oct 2026 10:00:00 +0000\r\nMessage-ID: <1@desk.example>\r\n\r\n" + body)
		field, err := key.Sign(raw)
		must(t, err)
		r := pool.Send(ctx, account, smtp.Envelope{From: "support@desk.example", To: []string{annAt}}, bytes.NewReader(slices.Concat(field, raw)))
		if r.Outcome != smtp.Accepted {
			t.Fatalf("%s: %+v", name, r)
		}
		if got := signedBy(t, d.smtp.last().raw, d.records(t)); !slices.Equal(got, []string{"one"}) {
			t.Errorf("%s: signed by %v", name, got)
		}
	}
}

// Tried: a refusal for the moment, then another key, then none: the letter keeps the bytes of its first attempt.
// One that was first tried unsigned, and that nobody took, is signed; one that may have arrived stays as it was.
func TestRetriesSendTheSameSignature(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.signs(t, "one")
	var tried [][]byte
	d.smtp.script(at("after", refusal(451, "later"))) // it has read the letter
	d.work(t)
	l := d.queue(t, "Hello")
	d.eventually(t, 10*time.Second, "it was tried", "select attempts = 1 and state = 'queued' from letters where id = $1", l.ID)
	tried = append(tried, d.smtp.last().raw)
	d.signs(t, "two")
	d.letterTriedAgain(t, l, 2)
	tried = append(tried, d.smtp.last().raw)
	records := d.records(t)
	d.sign(t, mailboxes.Signature{})
	d.smtp.script(nil)
	d.letterTriedAgain(t, l, 3)
	d.letterBecomes(t, l, "sent")
	tried = append(tried, d.smtp.last().raw)
	for i, raw := range tried {
		if !bytes.Equal(raw, tried[0]) || !slices.Equal(signedBy(t, raw, records), []string{"one"}) {
			t.Errorf("attempt %d is signed by %v, or has other bytes", i+1, signedBy(t, raw, records))
		}
	}
	for stage, want := range map[string][]string{"data": {"two"}, "after": nil} {
		d.sign(t, mailboxes.Signature{})
		time.Sleep(2100 * time.Millisecond)
		d.smtp.script(at(stage, map[string]error{"data": refusal(451, "later"), "after": errHangUp}[stage]))
		l := d.queue(t, "Hello")
		d.eventually(t, 10*time.Second, "it was tried", "select attempts = 1 and state <> 'sending' from letters where id = $1", l.ID)
		d.smtp.script(nil)
		d.sign(t, mailboxes.Signature{On: true, Selector: "two"})
		time.Sleep(2100 * time.Millisecond)
		d.letterTriedAgain(t, l, 2)
		d.letterBecomes(t, l, "sent")
		if got := signedBy(t, d.smtp.last().raw, d.records(t)); !slices.Equal(got, want) {
			t.Errorf("first tried unsigned until %s: then signed by %v, want %v", stage, got, want)
		}
	}
}

// letterTriedAgain makes its next attempt due, and waits for it.
func (d *desk) letterTriedAgain(t *testing.T, l outbox.Letter, attempts int) {
	t.Helper()
	d.hurry(t)
	d.eventually(t, 20*time.Second, fmt.Sprintf("there were %d attempts", attempts), "select attempts = $2 and state <> 'sending' from letters where id = $1", l.ID, attempts)
}

// Tried: a key that cannot be opened. Letters wait, the mailbox says why, and they leave signed once another key
// is there: nobody has to send them again.
func TestLettersWaitForTheirKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.signs(t, "one")
	d.exec(t, `update dkim_keys set secret = '\x01'`)
	watch(t, d.work(t))
	l := d.queue(t, "Hello")
	d.eventually(t, 20*time.Second, "the letter waits", "select state = 'queued' and attempts = 1 and last_error like '%DKIM key one._domainkey.desk.example%' from letters where id = $1", l.ID)
	d.eventually(t, 20*time.Second, "the mailbox says so", "select exists (select from mailbox_outages where side = 'smtp' and reason = 'no_key')")
	d.putOffFor(t, "1 hour")
	if d.smtp.attempts() != 0 {
		t.Error("a server heard of it")
	}
	d.signs(t, "two")
	d.letterBecomes(t, l, "sent")
	if got := signedBy(t, d.smtp.last().raw, d.records(t)); !slices.Equal(got, []string{"two"}) {
		t.Errorf("signed by %v", got)
	}
	d.eventually(t, 20*time.Second, "the mailbox is well", "select not exists (select from mailbox_outages)")
}
