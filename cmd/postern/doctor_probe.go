package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/smtp"
)

const (
	// probePatience is how long the provider may take to deliver to itself.
	probePatience = time.Minute
	// ledgerPatience is how long a running desk may take to read what has arrived.
	ledgerPatience = 5 * time.Second
	// probeHead is as much of an email as its header takes at most.
	probeHead = 64 << 10
)

// signature is what an email's DKIM-Signature names (RFC 6376 section 3.5); seen without a domain: there is none.
type signature struct {
	seen             bool
	domain, selector string
}

// probe sends an email from the address to itself with a tag, as replies will come, and looks for it. The desk
// takes what comes from an address of its own for a loop: it opens no ticket.
func (d *doctor) probe(ctx context.Context, session *mailbox.Session, m mailboxes.Mailbox, send sender) signature {
	name := "sub-addressing of " + m.Address
	if !m.SubAddressing {
		d.ok(name, "not used: replies are known by the letters that they answer")
		return signature{}
	}
	ctx, cancel := context.WithTimeout(ctx, probePatience+ledgerPatience)
	defer cancel()
	tag, began := "probe-"+strings.ToLower(rand.Text()), time.Now()
	to, id := tagged(m.Address, tag), tag+"@"+mailboxes.DomainOf(m.Address)
	marks := map[string]uint32{}
	folders := slices.Clone(m.Folders)
	if m.After == mailboxes.AfterMove { // a running desk may be quicker than we are
		folders = append(folders, m.AfterFolder)
	}
	for _, folder := range folders {
		opened, err := session.Open(ctx, folder)
		if err != nil {
			d.fail(name, err.Error(), "try again: postern doctor")
			return signature{}
		}
		marks[folder] = opened.UIDNext
	}
	raw := "From: <" + m.Address + ">\r\nTo: <" + to + ">\r\nSubject: A probe of postern doctor\r\nMessage-ID: <" + id + ">\r\nDate: " +
		began.Format(time.RFC1123Z) + "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
		"postern doctor looks whether tagged addresses reach this mailbox. This email may be deleted.\r\n"
	if sent := send(ctx, smtp.Envelope{From: m.Address, To: []string{to}}, raw); sent.Outcome != smtp.Accepted {
		d.fail(name, fmt.Sprintf("%s is refused: %d %s %s", to, sent.Code, sent.Enhanced, sent.Text), noTags(m))
		return signature{}
	}
	came, err := await(ctx, session, marks, tag)
	if err != nil {
		d.fail(name, err.Error(), "try again: postern doctor")
		return signature{}
	}
	if came == nil {
		d.fail(name, fmt.Sprintf("an email to %s did not arrive within %s", to, probePatience), "look into the folder for spam; "+noTags(m))
		return signature{}
	}
	d.ok(name, fmt.Sprintf("an email to a tagged address arrived after %s", time.Since(began).Round(100*time.Millisecond)))
	// INTERNALDATE has whole seconds (RFC 9051 section 2.3.3). It decides from where on emails count.
	d.checkClock("clock of the server of "+m.Address, came.at, began.Add(-time.Second), time.Now())
	d.checkLedger(ctx, m, id, began)
	return signatureOf(came.head)
}

func noTags(m mailboxes.Mailbox) string {
	return "turn on sub-addressing (plus addressing) at the provider, or: postern mailbox set " + m.Address + " --no-tags"
}

// tagged is an address with a tag before the @ (RFC 5233).
func tagged(address, tag string) string {
	domain := mailboxes.DomainOf(address)
	return strings.TrimSuffix(address, "@"+domain) + "+" + tag + "@" + domain
}

// arrived is a probe that came.
type arrived struct {
	head string
	at   time.Time // by the server's clock
}

// await looks for an email with the tag in its header, above the marks; nil when none came in time.
func await(ctx context.Context, session *mailbox.Session, marks map[string]uint32, tag string) (*arrived, error) {
	for end := time.Now().Add(probePatience); time.Now().Before(end); {
		for folder, from := range marks {
			if _, err := session.Open(ctx, folder); err != nil {
				return nil, err
			}
			var came []mailbox.Meta
			if err := session.List(ctx, from, 0, func(m mailbox.Meta) error { came = append(came, m); return nil }); err != nil {
				return nil, err
			}
			for _, m := range came {
				head, ok, err := session.FetchHead(ctx, m.UID, probeHead)
				if err != nil {
					return nil, err
				}
				if ok && strings.Contains(string(head), tag) {
					return &arrived{string(head), m.InternalDate}, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
	return nil, nil
}

// checkLedger looks at what a running desk made of the probe.
func (d *doctor) checkLedger(ctx context.Context, m mailboxes.Mailbox, id string, began time.Time) {
	name := "probe of " + m.Address
	ledger := inbox.New(d.store.db, blob.New(d.store.db), nil, inbox.Rules{})
	for end := time.Now().Add(ledgerPatience); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		rows, err := ledger.List(ctx, cliActor(), inbox.Filter{MailboxID: m.ID, From: began.Add(-time.Minute)}, 0, 100)
		if err != nil {
			d.fail(name, err.Error(), "bring the schema up to date: postern migrate")
			return
		}
		for _, row := range rows {
			if row.MessageID != id || row.Disposition == nil {
				continue
			}
			if *row.Disposition != inbox.OwnLoop || row.TicketID.Valid {
				d.fail(name, "the desk took it for "+*row.Disposition, "the server changes who an email is from; let it leave the From of letters as it is")
				return
			}
			d.ok(name, "the desk knew it for its own and opened no ticket")
			return
		}
	}
	d.ok(name, "no desk has read it yet")
}

// signatureOf reads the first DKIM-Signature of a header.
func signatureOf(head string) signature {
	found := signature{seen: true}
	unfolded := strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(head)
	for line := range strings.Lines(unfolded) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !strings.EqualFold(strings.TrimSpace(field), "DKIM-Signature") {
			continue
		}
		for tag := range strings.SplitSeq(value, ";") {
			key, text, ok := strings.Cut(tag, "=")
			switch key = strings.TrimSpace(key); {
			case ok && key == "d":
				found.domain = strings.ToLower(strings.TrimSpace(text))
			case ok && key == "s":
				found.selector = strings.TrimSpace(text)
			}
		}
		return found
	}
	return found
}
