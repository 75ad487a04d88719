package worker

import (
	"context"
	"errors"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/oauth"
)

// signIn is where the access tokens of one mailbox come from; a changed mailbox has another.
type signIn struct {
	version int
	source  *oauth.Source
}

// signIn puts an access token into a login that needs one, or the reason why there is none.
func (a *accounts) signIn(ctx context.Context, l *login) error {
	if l.box.OAuth == nil {
		return nil
	}
	a.mu.Lock()
	one := a.signIns[l.box.ID]
	if one.source == nil || one.version != l.box.Version {
		one = signIn{version: l.box.Version, source: tokensOf(a.mailboxes, l.box, l.secrets)}
		a.signIns[l.box.ID] = one
	}
	a.mu.Unlock()
	l.source = one.source
	access, err := one.source.Access(ctx)
	switch {
	case errors.Is(err, oauth.ErrSignIn) || errors.Is(err, oauth.ErrUnavailable) && ctx.Err() == nil:
		l.refusal = err
		return nil
	case err != nil:
		return err
	}
	l.secrets.Access = access
	return nil
}

// judge drops an access token that a server does not take: it may have been withdrawn before its time.
func (l login) judge(refused bool) {
	if refused && l.source != nil {
		l.source.Forget(l.secrets.Access)
	}
}

func tokensOf(m *mailboxes.Service, box mailboxes.Mailbox, s mailboxes.Secrets) *oauth.Source {
	id := box.ID
	return oauth.NewSource(OAuthClient(box, s), oauth.Grant{
		Load: func(ctx context.Context) (string, error) { return m.RefreshToken(ctx, id) },
		Save: func(ctx context.Context, refresh string) error { return m.Rotate(ctx, id, refresh) },
	})
}

// OAuthClient is who signs in for a mailbox that has OAuth.
func OAuthClient(box mailboxes.Mailbox, s mailboxes.Secrets) oauth.Client {
	o := box.OAuth
	return oauth.Client{ID: o.ClientID, Secret: s.ClientSecret, TokenURL: o.TokenURL, AuthURL: o.AuthURL, DeviceURL: o.DeviceURL,
		Scopes: o.Scopes, Application: o.Application}
}

// Secrets opens what a mailbox signs in with, with an access token where it needs one; for commands that try a
// mailbox once.
func Secrets(ctx context.Context, m *mailboxes.Service, box mailboxes.Mailbox) (mailboxes.Secrets, error) {
	s, err := m.Secrets(ctx, box.ID)
	if err != nil || box.OAuth == nil {
		return s, err
	}
	s.Access, err = tokensOf(m, box, s).Access(ctx)
	return s, err
}
