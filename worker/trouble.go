package worker

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/outage"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/oauth"
	"github.com/postern-desk/postern/mail/smtp"
)

// imapTroubles is what each kind of failure means to people, the special before the general.
var imapTroubles = []struct {
	err    error
	reason outage.Reason
}{
	{oauth.ErrSignIn, outage.SignInAgain},
	{oauth.ErrUnavailable, outage.Unreachable},
	{mailbox.ErrAuth, outage.LoginRefused},
	{mailbox.ErrTLS, outage.Untrusted},
	{mailbox.ErrPlainRemote, outage.Untrusted},
	{mailbox.ErrNoFolder, outage.NoFolder},
	{mailbox.ErrTimeout, outage.Silent},
	{mailbox.ErrLimit, outage.TooMany},
	{mailbox.ErrThrottled, outage.Throttled},
	{mailbox.ErrQuota, outage.OverQuota},
	{mailbox.ErrUnavailable, outage.Unreachable},
	{mailbox.ErrServerGone, outage.Unreachable},
	{mailbox.ErrProtocol, outage.Strange},
	{mailbox.ErrRefused, outage.Refused},
}

// imapTrouble is what a failed poll tells of the server; ok is false where the failure is not the server's.
func imapTrouble(err error) (t outage.Trouble, ok bool) {
	for _, kind := range imapTroubles {
		if errors.Is(err, kind.err) {
			return outage.Trouble{Reason: kind.reason, Detail: err.Error()}, true
		}
	}
	return outage.Trouble{}, false
}

// tokenTrouble is why there is no access token.
func tokenTrouble(err error) outage.Trouble {
	t := outage.Trouble{Reason: outage.Unreachable, Detail: err.Error()}
	if errors.Is(err, oauth.ErrSignIn) {
		t.Reason = outage.SignInAgain
	}
	return t
}

// smtpTrouble is what an attempt tells of the server that did not get as far as the letter.
func smtpTrouble(r smtp.Result) outage.Trouble {
	t := outage.Trouble{Reason: outage.Unreachable, Detail: r.Text}
	switch {
	case r.Stage == smtp.StageAuth && (r.Code == 0 || r.Code >= 500):
		t.Reason = outage.LoginRefused
	case r.Stage == smtp.StageTLS:
		t.Reason = outage.Untrusted
	case r.Code >= 500:
		t.Reason = outage.Refused
	}
	return t
}

// failed and worked keep account of a mailbox's servers. That this fails keeps no email from being read.

func (p *postRoom) failed(ctx context.Context, m mailboxes.Mailbox, side string, t outage.Trouble) {
	if err := p.deps.Outages.Failed(ctx, m, side, t); err != nil && ctx.Err() == nil {
		p.deps.Log.Warn("a mailbox's failure could not be noted", "mailbox", m.ID, "error", err)
	}
}

func (p *postRoom) worked(ctx context.Context, m mailboxes.Mailbox, side string) {
	if _, out := m.Outage(side); !out {
		return
	}
	if err := p.deps.Outages.Worked(ctx, m, side); err != nil && ctx.Err() == nil {
		p.deps.Log.Warn("a mailbox's recovery could not be noted", "mailbox", m.ID, "error", err)
		return
	}
	p.accounts.forget(m.ID)
	if side == mailboxes.SMTP {
		p.hurry(ctx, m.ID)
	}
}

// hurry lets letters go that would wait up to an hour for a server or a login that has been mended.
func (p *postRoom) hurry(ctx context.Context, id uuid.UUID) {
	if err := p.deps.Outbox.Hurry(ctx, id); err != nil && ctx.Err() == nil {
		p.deps.Log.Warn("the letters of a mailbox could not be hurried", "mailbox", id, "error", err)
	}
}

// judge notes what a poll says of the mailbox's server.
func (p *postRoom) judge(ctx context.Context, m mailboxes.Mailbox, err error) {
	if err == nil {
		p.worked(ctx, m, mailboxes.IMAP)
	} else if t, ok := imapTrouble(err); ok && ctx.Err() == nil {
		p.failed(ctx, m, mailboxes.IMAP, t)
	}
}
