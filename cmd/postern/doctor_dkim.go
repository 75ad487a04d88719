package main

import (
	"context"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/dkim"
)

// checkOwnKeys holds the desk's keys of a domain against DNS. It returns the key that letters are signed with; nil:
// the desk does not sign them.
func (d *doctor) checkOwnKeys(ctx context.Context, service *mailboxes.Service, m mailboxes.Mailbox) *dkim.Key {
	domain := m.SigningDomain()
	name := "DKIM key of " + domain
	state, err := service.DKIM(ctx, cliActor(), m.ID)
	if err != nil {
		d.fail(name, err.Error(), "bring the schema up to date: postern migrate")
		return nil
	}
	for i, k := range state.Keys {
		if k.Signing || i == 0 {
			d.checkOwnKey(ctx, m, state.Domain, k)
		}
	}
	if _, on := state.Signing(); !on {
		return nil
	}
	key, err := service.SigningKey(ctx, domain)
	if err != nil {
		d.fail(name, err.Error()+": letters wait", "put the secret key back, or make another one: postern mailbox dkim "+m.Address+" --rotate")
		return nil
	}
	return key
}

func (d *doctor) checkOwnKey(ctx context.Context, m mailboxes.Mailbox, domain string, k mailboxes.DKIMKey) {
	at := dkim.RecordName(k.Selector, domain)
	name := "DKIM key " + at
	found, err := d.lookUpTXT(ctx, at)
	if err != nil {
		d.warn(name, err.Error(), "check the resolver, or set POSTERN_DNS_SERVER")
		return
	}
	f := dkim.Compare(found, k.Public)
	switch {
	case !k.Signing && f.Published:
		d.warn(name, f.Seen+", and letters are not signed with it", "begin to: postern mailbox dkim "+m.Address+" --on")
	case !k.Signing:
		d.warn(name, "letters are not signed with it yet; "+f.Seen, f.Remedy+"; then: postern mailbox dkim "+m.Address+" --on")
	case !f.Published:
		d.fail(name, "letters are signed, but "+f.Seen, f.Remedy)
	case f.Testing:
		d.warn(name, f.Seen, f.Remedy)
	default:
		d.ok(name, "letters are signed, and "+f.Seen)
	}
}
