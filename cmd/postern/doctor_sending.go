package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outbox"
	"github.com/postern-desk/postern/mail/dkim"
	"github.com/postern-desk/postern/mail/smtp"
)

// largestAnswer is an answer with as many attachments as the API takes, 25 MiB, in base64 with its line ends
// (RFC 2045 section 6.8), in bytes.
const largestAnswer = 25 << 20 / 57 * 78

// sender hands one email over.
type sender func(ctx context.Context, e smtp.Envelope, raw string) smtp.Result

// signed is the sender for emails that are signed with a key; nil: none.
func (send sender) signed(key *dkim.Key) sender {
	if key == nil {
		return send
	}
	return func(ctx context.Context, e smtp.Envelope, raw string) smtp.Result {
		field, err := key.Sign([]byte(raw))
		if err != nil {
			return smtp.Result{Text: err.Error()}
		}
		return send(ctx, e, string(field)+raw)
	}
}

// checkSending tries the login, the address that bounces go to, and somebody outside; nil where it cannot be sent.
func (d *doctor) checkSending(ctx context.Context, m mailboxes.Mailbox, account smtp.Account) sender {
	limited, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	name, pool := "SMTP of "+m.Address, smtp.NewPool(1, 0, smtp.Timeouts{Connect: serverPatience / 2, Greeting: serverPatience / 2})
	defer pool.Close()
	envelope := smtp.Envelope{From: m.Address}
	if m.SubAddressing {
		envelope.From = tagged(m.Address, outbox.BounceTag+"doctor")
	}
	outside := d.outsider(m)
	if outside != "" {
		envelope.To = []string{outside}
	}
	offer, err := pool.Try(limited, account, envelope)
	if err == nil {
		d.ok(name, "login at "+m.SMTP.Host+", letters from "+envelope.From+" are taken"+toWhom(outside))
	} else if !d.blameSending(err, m, envelope) {
		return nil
	}
	if offer.MaxBytes > 0 && offer.MaxBytes < largestAnswer {
		d.warn("size at "+m.Address, fmt.Sprintf("%s takes emails of up to %s; an answer with 25 MiB of attachments has %s", m.SMTP.Host, mib(offer.MaxBytes), mib(largestAnswer)),
			"raise the server's limit (Postfix: message_size_limit), or attach no more than "+mib(offer.MaxBytes*57/78)+" to an answer")
	}
	return func(ctx context.Context, e smtp.Envelope, raw string) smtp.Result {
		again := smtp.NewPool(1, 0, smtp.Timeouts{})
		defer again.Close()
		return again.Send(ctx, account, e, strings.NewReader(raw))
	}
}

// outsider is somebody in another domain whom the desk writes to anyway; empty where none is known.
func (d *doctor) outsider(m mailboxes.Mailbox) string {
	for _, address := range append([]string{d.set.OperatorAddress}, m.StaffAddresses...) {
		if address != "" && mailboxes.DomainOf(address) != mailboxes.DomainOf(m.Address) {
			return address
		}
	}
	return ""
}

func toWhom(outside string) string {
	if outside == "" {
		return "; whether to other domains was not tried: no staff address is in one"
	}
	return ", to " + outside + " too"
}

// blameSending tells why letters do not leave, and reports whether anything else could be sent.
func (d *doctor) blameSending(err error, m mailboxes.Mailbox, e smtp.Envelope) bool {
	name := "SMTP of " + m.Address
	seen, remedy := blameSMTP(err, m, e)
	var f *smtp.Failure
	if !errors.As(err, &f) || f.Stage != smtp.StageMail && f.Stage != smtp.StageRcpt || f.Code == 0 {
		d.fail(name, seen, remedy)
		return false
	}
	if f.Code < 500 { // RFC 5321 section 4.2.1: it may take them later
		d.warn(name, seen, "try again in some minutes; if it stays so: "+remedy)
	} else {
		d.fail(name, seen, remedy)
	}
	return true
}

// blameSMTP tells why letters do not leave, in the server's own words where it spoke.
func blameSMTP(err error, m mailboxes.Mailbox, e smtp.Envelope) (seen, remedy string) {
	set := "postern mailbox set " + m.Address
	at := placeOf(m.SMTP, set+" --smtp")
	var f *smtp.Failure
	if errors.As(err, &f) && f.Code != 0 {
		seen = strings.TrimSpace(fmt.Sprintf("%d %s %s", f.Code, f.Enhanced, f.Text))
		switch f.Stage {
		case smtp.StageAuth:
			remedy = "POSTERN_MAILBOX_PASSWORD=PASSWORD " + set + " (many providers want an app password, or OAuth2: docs/operations.md)"
			if m.OAuth != nil {
				remedy = "postern mailbox authorize " + m.Address
			}
			return m.SMTP.Host + " refuses the login: " + seen, remedy
		case smtp.StageMail:
			return m.SMTP.Host + " takes no letters from " + e.From + ": " + seen, "let the account " + m.SMTP.Username + " send as that address, or where tags are the reason: " + set + " --no-tags"
		case smtp.StageRcpt:
			return m.SMTP.Host + " takes no letters to " + strings.Join(e.To, ", ") + ": " + seen, "log in as an account that may send to other domains: " + set + " --username NAME, or name the provider's server for sending: " + at.rename
		}
		return m.SMTP.Host + " answers: " + seen, at.rename
	}
	if errors.Is(err, smtp.ErrNoStartTLS) || errors.Is(err, smtp.ErrNoAuth) || errors.Is(err, smtp.ErrNoToken) {
		return err.Error(), at.secure
	}
	if seen, remedy = blame(err, at); seen != "" {
		return seen, remedy
	}
	return err.Error(), at.rename
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
