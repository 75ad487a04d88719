package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/dkim"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/oauth"
	"github.com/postern-desk/postern/worker"
)

const (
	// serverPatience bounds what is asked of one mail server.
	serverPatience = 20 * time.Second
	// atOnce is how many mailboxes are looked at beside each other: a probe may take a minute to come.
	atOnce = 8
)

// checkMailboxes asks the servers of every mailbox, and DNS about every domain that letters come from.
func (d *doctor) checkMailboxes(ctx context.Context, boxes []mailboxes.Mailbox, opened openedBoxes) {
	keys, found := d.checkSigning(ctx, boxes, opened), make([]signature, len(boxes))
	d.beside(len(boxes), func(d *doctor, i int) {
		found[i] = d.checkOne(ctx, boxes[i], opened, keys[mailboxes.DomainOf(boxes[i].Address)])
	})
	signed := map[string]signature{}
	var domains []string
	for i, m := range boxes {
		domain := mailboxes.DomainOf(m.Address)
		if _, known := signed[domain]; !known {
			domains = append(domains, domain)
		}
		if found[i].seen || !signed[domain].seen {
			signed[domain] = found[i]
		}
	}
	d.beside(len(domains), func(d *doctor, i int) { d.checkDomain(ctx, domains[i], signed[domains[i]], keys[domains[i]] != nil) })
}

// checkSigning returns the keys that the desk signs letters of each domain with.
func (d *doctor) checkSigning(ctx context.Context, boxes []mailboxes.Mailbox, opened openedBoxes) map[string]*dkim.Key {
	keys := map[string]*dkim.Key{}
	for _, m := range boxes {
		domain := mailboxes.DomainOf(m.Address)
		if _, known := keys[domain]; !known && opened.service != nil {
			keys[domain] = d.checkOwnKeys(ctx, opened.service, m)
		}
	}
	return keys
}

// beside makes n checks a few at once; their lines come out in order, each as soon as those before it are told.
func (d *doctor) beside(n int, check func(*doctor, int)) {
	lines := make([]chan []finding, n)
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, atOnce)
	for i := range n {
		lines[i] = make(chan []finding, 1)
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			one, found := *d, []finding{}
			one.secrets = slices.Clone(d.secrets)
			one.tell = func(f finding) { found = append(found, f) }
			check(&one, i)
			lines[i] <- found
		})
	}
	for i := range n {
		for _, f := range <-lines[i] {
			d.failed = d.failed || f.Status == statusFail
			d.tell(f)
		}
	}
}

// checkOne returns how the probe email was signed, if one was sent and came. It leaves as letters do: signed where
// there is a key.
func (d *doctor) checkOne(ctx context.Context, m mailboxes.Mailbox, opened openedBoxes, key *dkim.Key) signature {
	if m.Paused {
		d.warn(m.Address, "it is paused: it is not read", "once it should be: postern mailbox set "+m.Address+" --resume")
	}
	if len(m.StaffAddresses) == 0 && d.set.OperatorAddress == "" {
		d.warn("staff of "+m.Address, "nobody is told of new tickets, nor of a server that fails",
			"postern mailbox set "+m.Address+" --staff ADDRESS, or set POSTERN_OPERATOR_ADDRESS")
	}
	if !opened.ids[m.ID] {
		d.warn(m.Address, "its servers were not tried: no key opens its password", "see the line of the secret key")
		return signature{}
	}
	limited, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	secrets, err := worker.Secrets(limited, opened.service, m)
	if err != nil {
		d.blameSignIn(m, err)
		return signature{}
	}
	d.hide(secrets.Access)
	return d.checkServers(ctx, m, secrets, opened.service, key)
}

// blameSignIn tells why there is no access token.
func (d *doctor) blameSignIn(m mailboxes.Mailbox, err error) {
	name := "sign-in of " + m.Address
	switch {
	case errors.Is(err, oauth.ErrSignIn) && m.OAuth != nil && m.OAuth.Application:
		d.fail(name, err.Error(), "see at the provider that the app may read the mailbox and that its secret has not expired")
	case errors.Is(err, oauth.ErrSignIn):
		d.fail(name, err.Error(), "postern mailbox authorize "+m.Address)
	default:
		d.fail(name, err.Error(), "see at the provider that the app's id, secret and token endpoint are as given to postern mailbox add")
	}
}

func (d *doctor) checkServers(ctx context.Context, m mailboxes.Mailbox, secrets mailboxes.Secrets, service *mailboxes.Service, key *dkim.Key) signature {
	session := d.checkReading(ctx, m, worker.IMAPAccount(m, secrets, d.roots), service)
	if session != nil {
		defer session.Close()
	}
	send := d.checkSending(ctx, m, worker.SMTPAccount(m, secrets, d.roots))
	if send == nil || session == nil || !d.probes {
		return signature{}
	}
	return d.probe(ctx, session, m, send.signed(key))
}

// checkReading returns nil where the mailbox cannot be read.
func (d *doctor) checkReading(ctx context.Context, m mailboxes.Mailbox, account mailbox.Account, service *mailboxes.Service) *mailbox.Session {
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	name := "IMAP of " + m.Address
	session, err := mailbox.Dial(ctx, account, mailbox.Timeouts{Dial: serverPatience / 2, Command: serverPatience})
	if err != nil {
		seen, remedy := blameIMAP(err, m)
		d.fail(name, seen, remedy)
		return nil
	}
	known, err := service.FoldersOf(ctx, m.ID)
	if err != nil {
		d.fail(name, err.Error(), "bring the schema up to date: postern migrate")
	}
	for _, folder := range m.Folders {
		opened, err := session.Open(ctx, folder)
		if err != nil {
			there := ""
			if names, err := session.Folders(ctx); err == nil {
				there = "; the server has " + strings.Join(names[:min(len(names), 20)], ", ")
			}
			d.fail(name, err.Error()+there, "name folders that exist: postern mailbox set "+m.Address+" --folder FOLDER")
			session.Close()
			return nil
		}
		d.ok(name, fmt.Sprintf("login at %s, folder %s with %d emails", m.IMAP.Host, folder, opened.Messages))
		d.checkNumbers(m, known, opened)
	}
	if session.Offers("IDLE") {
		d.ok("IDLE of "+m.Address, "new email is told at once")
	} else {
		d.warn("IDLE of "+m.Address, "the server has no IDLE", fmt.Sprintf("new email waits up to %s; lower POSTERN_POLL_INTERVAL if that is too long", d.set.PollInterval))
	}
	d.checkMoving(ctx, session, m)
	return session
}

// checkNumbers compares UIDVALIDITY with what the ledger knows. The desk copes by itself: a server that does it
// again and again makes it read the whole folder each time.
func (d *doctor) checkNumbers(m mailboxes.Mailbox, known []mailboxes.Folder, opened mailbox.Folder) {
	for _, f := range known {
		if f.Name == opened.Name && f.UIDValidity != 0 && f.UIDValidity != int64(opened.UIDValidity) {
			d.warn("folder "+f.Name+" of "+m.Address, fmt.Sprintf("the server numbers its emails anew (UIDVALIDITY %d, was %d)", opened.UIDValidity, f.UIDValidity),
				"let the desk run: it reads the folder anew and knows what it has; if it comes again, ask the provider")
		}
	}
}

// blameIMAP tells why the mailbox is not reached or not entered.
func blameIMAP(err error, m mailboxes.Mailbox) (seen, remedy string) {
	set := "postern mailbox set " + m.Address
	at := placeOf(m.IMAP, set+" --imap")
	switch {
	case errors.Is(err, mailbox.ErrAuth) && m.OAuth != nil:
		return err.Error(), "postern mailbox authorize " + m.Address
	case errors.Is(err, mailbox.ErrAuth):
		return err.Error(), "POSTERN_MAILBOX_PASSWORD=PASSWORD " + set + " (many providers want an app password, or OAuth2: docs/operations.md)"
	}
	if seen, remedy = blame(err, at); seen != "" {
		return seen, remedy
	}
	switch {
	case errors.Is(err, mailbox.ErrTLS):
		return err.Error(), at.secure
	case errors.Is(err, mailbox.ErrProtocol):
		return err.Error(), at.rename
	}
	return err.Error(), "then try again: postern mailbox check " + m.Address
}

// placeOf is a server of a mailbox; flag is the command that names another one.
func placeOf(s mailboxes.Server, flag string) place {
	other := map[string]string{"tls": "starttls", "starttls": "tls", "none": "tls"}[s.Security]
	return place{host: s.Host, server: fmt.Sprintf("%s:%d", s.Host, s.Port), rename: flag + " HOST:PORT", secure: flag + "-security " + other + ", or its port for " + s.Security}
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
		d.fail(name, mailbox.ErrNoMove.Error(), "have emails marked as read instead: postern mailbox set "+m.Address+" --after seen")
		return
	}
	if _, err := session.Open(ctx, m.AfterFolder); err != nil {
		d.fail(name, m.AfterFolder+" cannot be opened: "+err.Error(), "make the folder "+m.AfterFolder+" there, or: postern mailbox set "+m.Address+" --after-folder FOLDER")
		return
	}
	d.ok(name, seen+"; emails are moved to "+m.AfterFolder)
}
