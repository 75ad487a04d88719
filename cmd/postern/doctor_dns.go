package main

import (
	"context"
	"fmt"
	"strings"
)

// lookUpTXT asks as the settings say.
func (d *doctor) lookUpTXT(ctx context.Context, name string) ([]string, error) {
	return askDNS(d.set.DNSServer)(ctx, name)
}

// records are the TXT records at a name that begin with a version; ok is false where DNS does not answer.
func (d *doctor) records(ctx context.Context, check, name, version string) (records []string, ok bool) {
	found, err := d.lookUpTXT(ctx, name)
	if err != nil {
		d.warn(check, err.Error(), "check the resolver, or set POSTERN_DNS_SERVER")
		return nil, false
	}
	for _, text := range found {
		if rest, ours := strings.CutPrefix(text, version); ours && (rest == "" || strings.ContainsAny(rest[:1], " ;")) {
			records = append(records, text)
		}
	}
	return records, true
}

// checkDomain looks at what other servers look at before they take a letter of the domain.
func (d *doctor) checkDomain(ctx context.Context, domain string, signed signature, ours bool) {
	d.checkSPF(ctx, domain)
	d.checkDKIM(ctx, domain, signed, ours)
	d.checkDMARC(ctx, domain)
}

func (d *doctor) checkSPF(ctx context.Context, domain string) {
	name := "SPF of " + domain
	found, ok := d.records(ctx, name, domain, "v=spf1")
	switch {
	case !ok:
	case len(found) == 0:
		d.warn(name, "there is no record", "publish the TXT record that the provider of the SMTP server gives, such as: v=spf1 include:spf.provider.example ~all")
	case len(found) > 1: // RFC 7208 section 4.5
		d.fail(name, fmt.Sprintf("there are %d records, so that none counts", len(found)), "make one record of them")
	case strings.HasSuffix(found[0], "+all") || strings.HasSuffix(found[0], " all"):
		d.fail(name, "everybody may send for the domain: "+found[0], "end the record with ~all or -all")
	default:
		d.ok(name, found[0])
	}
}

// checkDKIM goes by the probe: only a signature tells under which selector a provider's key is. ours: the desk signs.
func (d *doctor) checkDKIM(ctx context.Context, domain string, signed signature, ours bool) {
	name := "DKIM of " + domain
	switch {
	case !signed.seen && ours:
		return // the line about the key says what can be said
	case signed.domain == "" && ours:
		d.warn(name, "the probe email left signed and arrived without", "let the servers on the way leave DKIM-Signature as it is")
		return
	case !signed.seen:
		d.warn(name, "no probe email came, and only one tells the selector", "correct the lines above, or run without --no-probe")
		return
	case signed.domain == "":
		d.warn(name, "the probe email was not signed", "turn on DKIM at the provider of the SMTP server (some do not sign what stays in the house: then look at a letter elsewhere), or let the desk sign: postern mailbox dkim ADDRESS")
		return
	case signed.domain != domain && !strings.HasSuffix(signed.domain, "."+domain) && !strings.HasSuffix(domain, "."+signed.domain): // RFC 7489 section 3.1.1
		d.warn(name, "the probe email was signed for "+signed.domain+", which proves nothing for "+domain, "let the provider sign for "+domain)
		return
	}
	at := signed.selector + "._domainkey." + signed.domain
	found, err := d.lookUpTXT(ctx, at)
	switch {
	case err != nil:
		d.warn(name, err.Error(), "check the resolver, or set POSTERN_DNS_SERVER")
	case len(found) == 0:
		d.fail(name, "letters are signed, but there is no key at "+at, "publish the key that the provider gives")
	case !hasKey(found):
		d.fail(name, "the key at "+at+" is revoked", "publish the key that the provider gives")
	default:
		d.ok(name, "letters are signed, the key is at "+at)
	}
}

// hasKey tells whether a record has a key: an empty one is revoked (RFC 6376 section 3.6.1).
func hasKey(records []string) bool {
	for _, record := range records {
		for tag := range strings.SplitSeq(record, ";") {
			if key, value, _ := strings.Cut(tag, "="); strings.TrimSpace(key) == "p" && strings.TrimSpace(value) != "" {
				return true
			}
		}
	}
	return false
}

func (d *doctor) checkDMARC(ctx context.Context, domain string) {
	name := "DMARC of " + domain
	found, ok := d.records(ctx, name, "_dmarc."+domain, "v=DMARC1")
	// RFC 7489 section 6.6.3: without a record of its own the organisation's counts; here the parent's.
	if _, parent, sub := strings.Cut(domain, "."); ok && len(found) == 0 && sub && strings.Contains(parent, ".") {
		found, ok = d.records(ctx, name, "_dmarc."+parent, "v=DMARC1")
	}
	switch {
	case !ok:
	case len(found) == 0:
		d.warn(name, "there is no record", "publish a TXT record at _dmarc."+domain+", such as: v=DMARC1; p=none; rua=mailto:postmaster@"+domain)
	case len(found) > 1:
		d.fail(name, fmt.Sprintf("there are %d records, so that none counts", len(found)), "make one record of them")
	default:
		d.ok(name, found[0])
	}
}
