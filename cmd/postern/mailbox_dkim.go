package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/dkim"
)

type mailboxDKIMCmd struct {
	config.Access
	Mailbox   string `arg:"" help:"Its address or id."`
	On        bool   `xor:"signing" help:"Sign letters with the newest key, or that of --selector, once DNS has it."`
	Off       bool   `xor:"signing" help:"Sign letters no more; those that were tried keep their signature."`
	Rotate    bool   `xor:"signing" help:"Make another key. The one that signs goes on until --on."`
	Selector  string `placeholder:"NAME" help:"The name of a new key, or of the one to sign with. [default: postern- and the day]"`
	Unchecked bool   `help:"Sign although DNS does not have the key, as where only others can ask it."`
}

// Run shows how the letters of a mailbox's domain are signed, after it has changed that. Without a key it makes one.
func (c *mailboxDKIMCmd) Run(ctx context.Context, s streams) error {
	if (c.Unchecked && !c.On) || (c.Selector != "" && c.Off) {
		return errors.New("--unchecked goes with --on alone, --selector not with --off")
	}
	return withStoreOf(ctx, &store{joins: true, begun: true}, c.Storage, func(st *store) error {
		service := mailboxes.New(st.db, st.vault)
		m, err := findMailbox(ctx, service, c.Mailbox)
		if err != nil {
			return err
		}
		lookUp := askDNS(c.DNSServer)
		state, err := c.change(ctx, service, m, lookUp)
		if err != nil {
			return err
		}
		showDKIM(ctx, s.out, m, state, lookUp)
		return nil
	})
}

func (c *mailboxDKIMCmd) change(ctx context.Context, service *mailboxes.Service, m mailboxes.Mailbox, lookUp txtLookUp) (mailboxes.DKIM, error) {
	if c.On || c.Off {
		want := mailboxes.Signature{On: c.On, Selector: c.Selector, LookUp: lookUp}
		if c.Unchecked {
			want.LookUp = nil
		}
		return service.Sign(ctx, cliActor(), m.ID, want)
	}
	state, err := service.DKIM(ctx, cliActor(), m.ID)
	if err != nil || len(state.Keys) > 0 && !c.Rotate {
		return state, err
	}
	return service.MakeDKIMKey(ctx, cliActor(), m.ID, c.Selector)
}

// showDKIM tells the keys with their records, what DNS says of each, and what to do next.
func showDKIM(ctx context.Context, w io.Writer, m mailboxes.Mailbox, state mailboxes.DKIM, lookUp txtLookUp) {
	signing, on := state.Signing()
	if on {
		fmt.Fprintf(w, "letters of %s are signed with %s\n", state.Domain, signing.Selector)
	} else {
		fmt.Fprintf(w, "letters of %s are not signed\n", state.Domain)
	}
	for i, k := range state.Keys {
		name, record := dkim.RecordName(k.Selector, state.Domain), dkim.Record(k.Public)
		next := i == 0 && !k.Signing
		fmt.Fprintf(w, "\n%s, made on %s%s\n", k.Selector, k.CreatedAt.UTC().Format("2006-01-02"), role(k, next, on))
		f := dkim.Finding{Seen: "DNS does not answer", Remedy: "check the resolver, or set POSTERN_DNS_SERVER"}
		if found, err := lookUp(ctx, name); err == nil {
			f = dkim.Compare(found, k.Public)
		}
		fmt.Fprintf(w, "  DNS: %s\n", f.Seen)
		if f.Remedy != "" && (next || k.Signing) {
			fmt.Fprintf(w, "    -> %s\n", f.Remedy)
		}
		if !f.Published {
			fmt.Fprintf(w, "  TXT record\n    name:  %s\n    value: %s\n  in a zone file\n    %s. 3600 IN TXT %s\n", name, record, name, dkim.ZoneStrings(record))
		}
		if next {
			fmt.Fprintf(w, "  once it is published: postern mailbox dkim %s --on\n", m.Address)
		}
	}
}

// role is what a key is there for.
func role(k mailboxes.DKIMKey, next, on bool) string {
	switch {
	case k.Signing:
		return ": it signs"
	case next && on:
		return ": the next one"
	case next:
		return ""
	case on:
		return ": the last one; leave its record until the letters that it signed have arrived, for a week"
	}
	return ": an older one"
}

// checkSigning is what verifiers will find of the key that letters are signed with; nothing where they are not.
func checkSigning(ctx context.Context, service *mailboxes.Service, m mailboxes.Mailbox, lookUp txtLookUp) []checked {
	state, err := service.DKIM(ctx, cliActor(), m.ID)
	key, on := state.Signing()
	if err == nil && !on {
		return nil
	}
	line := checked{"DKIM key " + dkim.RecordName(key.Selector, state.Domain), err}
	if err != nil {
		return []checked{line}
	}
	if _, err := service.SigningKey(ctx, state.Domain); err != nil {
		line.err = fmt.Errorf("%w; letters wait: put the secret key back, or make another one: postern mailbox dkim %s --rotate", err, m.Address)
		return []checked{line}
	}
	found, err := lookUp(ctx, dkim.RecordName(key.Selector, state.Domain))
	if line.err = err; err == nil {
		if f := dkim.Compare(found, key.Public); !f.Published {
			line.err = fmt.Errorf("%s; %s", f.Seen, f.Remedy)
		}
	}
	return []checked{line}
}
