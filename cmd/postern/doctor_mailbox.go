package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/dkim"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/smtp"
	"github.com/postern-desk/postern/worker"
)

// checkMailboxes asks the servers of every mailbox, and DNS about every domain that letters come from.
func (d *doctor) checkMailboxes(ctx context.Context, service *mailboxes.Service, boxes []mailboxes.Mailbox) {
	signed, keys := map[string]signature{}, map[string]*dkim.Key{}
	var domains []string
	for _, m := range boxes {
		domain := mailboxes.DomainOf(m.Address)
		if _, known := signed[domain]; !known {
			signed[domain], keys[domain] = signature{}, d.checkOwnKeys(ctx, service, m)
			domains = append(domains, domain)
		}
		secrets, err := worker.Secrets(ctx, service, m)
		if err != nil {
			d.fail(m.Address, err.Error(), "give the mailbox its passwords anew")
			continue
		}
		if m.Paused {
			d.warn(m.Address, "it is paused: it is not read", "once it should be: postern mailbox set "+m.Address+" --resume")
		}
		if found := d.checkMailbox(ctx, m, secrets, keys[domain]); found.seen {
			signed[domain] = found
		}
	}
	for _, domain := range domains {
		d.checkDomain(ctx, domain, signed[domain], keys[domain] != nil)
	}
}

// checkMailbox returns how the probe email was signed, if one was sent and came. It leaves as letters do: signed where
// there is a key.
func (d *doctor) checkMailbox(ctx context.Context, m mailboxes.Mailbox, secrets mailboxes.Secrets, key *dkim.Key) signature {
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	session := d.checkReading(limited, m, worker.IMAPAccount(m, secrets, d.roots))
	if session != nil {
		defer session.Close()
	}
	pool := smtp.NewPool(1, 0, smtp.Timeouts{})
	defer pool.Close()
	account := worker.SMTPAccount(m, secrets, d.roots)
	name := "SMTP of " + m.Address
	if err := pool.Check(limited, account); err != nil {
		d.fail(name, saidBySMTP(err), fmt.Sprintf("check the server (%s:%d, %s), the username and the password (many providers want an app password)", m.SMTP.Host, m.SMTP.Port, m.SMTP.Security))
		return signature{}
	}
	d.ok(name, "login at "+m.SMTP.Host)
	if session == nil || !d.probes {
		return signature{}
	}
	return d.probe(ctx, session, m, func(ctx context.Context, e smtp.Envelope, raw string) smtp.Result {
		var field []byte
		if key != nil {
			var err error
			if field, err = key.Sign([]byte(raw)); err != nil {
				return smtp.Result{Text: err.Error()}
			}
		}
		return pool.Send(ctx, account, e, strings.NewReader(string(field)+raw))
	})
}

// saidBySMTP adds the server's own words, which its error leaves out.
func saidBySMTP(err error) string {
	var failure *smtp.Failure
	if errors.As(err, &failure) && failure.Code != 0 && failure.Text != "" {
		return err.Error() + " (" + failure.Text + ")"
	}
	return err.Error()
}

// checkReading returns nil where the mailbox cannot be read.
func (d *doctor) checkReading(ctx context.Context, m mailboxes.Mailbox, account mailbox.Account) *mailbox.Session {
	name := "IMAP of " + m.Address
	session, err := mailbox.Dial(ctx, account, mailbox.DefaultTimeouts())
	if err != nil {
		d.fail(name, err.Error(), "then try again: postern mailbox check "+m.Address)
		return nil
	}
	for _, folder := range m.Folders {
		opened, err := session.Open(ctx, folder)
		if err != nil {
			there := ""
			if names, err := session.Folders(ctx); err == nil {
				there = "; the server has " + strings.Join(names[:min(len(names), 20)], ", ")
			}
			d.fail(name, err.Error()+there, "name a folder that exists")
			session.Close()
			return nil
		}
		d.ok(name, fmt.Sprintf("login at %s, folder %s with %d emails", m.IMAP.Host, folder, opened.Messages))
	}
	if session.Offers("IDLE") {
		d.ok("IDLE of "+m.Address, "new email is told at once")
	} else {
		d.warn("IDLE of "+m.Address, "the server has no IDLE", fmt.Sprintf("new email waits up to %s; lower POSTERN_POLL_INTERVAL if that is too long", d.set.PollInterval))
	}
	d.checkMoving(ctx, session, m)
	return session
}

// checkMoving looks at what the server must be able to where emails are moved once they have been dealt with.
func (d *doctor) checkMoving(ctx context.Context, session *mailbox.Session, m mailboxes.Mailbox) {
	name := "extensions of " + m.Address
	var offers []string
	for _, extension := range []string{"UIDPLUS", "MOVE"} {
		if session.Offers(extension) {
			offers = append(offers, extension)
		}
	}
	seen := "UIDPLUS and MOVE: " + cmp.Or(strings.Join(offers, ", "), "neither")
	if m.After != mailboxes.AfterMove {
		d.ok(name, seen+"; emails are not moved, so none is needed")
		return
	}
	if len(offers) == 0 {
		d.fail(name, mailbox.ErrNoMove.Error(), "have emails marked as read instead of moved")
		return
	}
	if _, err := session.Open(ctx, m.AfterFolder); err != nil {
		d.fail(name, err.Error(), "make the folder that emails are moved to")
		return
	}
	d.ok(name, seen+"; emails are moved to "+m.AfterFolder)
}
