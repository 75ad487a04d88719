package main

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/rules"
	"github.com/postern-desk/postern/web"
)

// aboutOf is what the health pages tell of this process.
func aboutOf(set config.Settings) web.About {
	return web.About{Version: version, Roles: roleNames(set.Roles)}
}

// handler is the HTTP door over the desk's services.
func handler(d *desk, jobs http.Handler) http.Handler {
	return web.New(web.Deps{
		DB: d.store.db, Identity: d.identity, Contacts: d.contacts, Tickets: d.tickets, Mailboxes: d.mailboxes,
		Outbox: d.outbox, Letters: d.letters(), Operator: d.set.OperatorAddress, Inbox: d.inbox, Rules: rules.New(d.store.db), Blobs: d.blobs,
		AckLimit: d.set.AckLimit, FormLimit: d.set.FormLimit, DeskName: d.set.DeskName, DeskLanguage: d.set.Language, Logo: d.set.LogoURL, Accent: d.set.AccentColor, PublicURL: d.set.BaseURL(d.web.listen.Addr().String()), Jobs: jobs, TrustedProxies: d.set.TrustedProxies,
		Metrics: d.metrics, MetricsToken: d.set.MetricsToken.Reveal(),
		Check: d.checkMailbox, LookUpTXT: askDNS(d.set.DNSServer), Ready: d.store.ready, Log: d.log, About: aboutOf(d.set),
	})
}

// checkMailbox is `postern mailbox check` for the API.
func (d *desk) checkMailbox(ctx context.Context, id uuid.UUID) (web.CheckReport, error) {
	m, err := d.mailboxes.Get(ctx, cliActor(), id)
	if err != nil {
		return web.CheckReport{}, err
	}
	lines := checkMailbox(ctx, d.mailboxes, m, d.roots)
	return reportOf(append(lines, checkSigning(ctx, d.mailboxes, m, askDNS(d.set.DNSServer))...)), nil
}

func reportOf(lines []checked) web.CheckReport {
	report := web.CheckReport{OK: true, Checks: []web.CheckLine{}}
	for _, line := range lines {
		shown := web.CheckLine{Name: line.what, OK: line.err == nil}
		if line.err != nil {
			report.OK, shown.Detail = false, line.err.Error()
		}
		report.Checks = append(report.Checks, shown)
	}
	return report
}
