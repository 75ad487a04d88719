package worker

import (
	"context"
	"crypto/x509"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/dkim"
	"github.com/postern-desk/postern/mail/mailbox"
	"github.com/postern-desk/postern/mail/oauth"
	"github.com/postern-desk/postern/mail/smtp"
)

// accounts reads the logins of mailboxes and keeps them for a moment: a backlog of letters should not
// ask for the same password each time.
type accounts struct {
	mailboxes *mailboxes.Service
	roots     *x509.CertPool

	mu      sync.Mutex
	kept    map[uuid.UUID]login
	signIns map[uuid.UUID]signIn
	refused map[smtp.Account]time.Time // until when no login is tried; a changed one is another
}

type login struct {
	box     mailboxes.Mailbox
	secrets mailboxes.Secrets
	roots   *x509.CertPool
	until   time.Time
	source  *oauth.Source // nil: with passwords
	refusal error         // why there is no access token
	key     *dkim.Key     // signs its letters; nil: they are not signed
	keyless error         // why there is no key although they are to be signed
}

const keepLogins = 2 * time.Second

func newAccounts(m *mailboxes.Service, roots *x509.CertPool) *accounts {
	return &accounts{mailboxes: m, roots: roots, kept: map[uuid.UUID]login{}, signIns: map[uuid.UUID]signIn{}, refused: map[smtp.Account]time.Time{}}
}

// refusedPause is how long a server that was not there or refused the login is left alone: hundreds of letters
// that try the same wrong password at once get an account locked, and those that wait for a silent server
// hold the workers of all the others.
const refusedPause = 15 * time.Second

// refuse notes that the server does not take the login now.
func (a *accounts) refuse(account smtp.Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused[account] = time.Now().Add(refusedPause)
}

// isRefused reports whether the login was refused a moment ago.
func (a *accounts) isRefused(account smtp.Account) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Before(a.refused[account])
}

func (a *accounts) get(ctx context.Context, id uuid.UUID) (login, error) {
	a.mu.Lock()
	l, ok := a.kept[id]
	a.mu.Unlock()
	if ok && time.Now().Before(l.until) {
		return l, nil
	}
	box, err := a.mailboxes.Get(ctx, event.System("worker"), id)
	if err != nil {
		return login{}, err
	}
	secrets, err := a.mailboxes.Secrets(ctx, id)
	if err != nil {
		return login{}, err
	}
	l = login{box: box, secrets: secrets, roots: a.roots, until: time.Now().Add(keepLogins)}
	if l.key, l.keyless = a.mailboxes.SigningKey(ctx, box.SigningDomain()); l.keyless != nil && ctx.Err() != nil {
		return login{}, l.keyless
	}
	if err := a.signIn(ctx, &l); err != nil {
		return login{}, err
	}
	a.mu.Lock()
	a.kept[id] = l
	a.mu.Unlock()
	return l, nil
}

// forget makes the next look at a mailbox a fresh one.
func (a *accounts) forget(id uuid.UUID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.kept, id)
}

// SMTPAccount is how letters of a mailbox are handed over. roots are the authorities trusted for the server's
// certificate; nil means the system's.
func SMTPAccount(m mailboxes.Mailbox, s mailboxes.Secrets, roots *x509.CertPool) smtp.Account {
	return smtp.Account{Host: m.SMTP.Host, Port: m.SMTP.Port, Security: smtp.Security(m.SMTP.Security),
		Username: m.SMTP.Username, Password: s.SMTP, AccessToken: s.Access, HelloName: mailboxes.DomainOf(m.Address), RootCAs: roots}
}

// IMAPAccount is how a mailbox is read; roots as in SMTPAccount.
func IMAPAccount(m mailboxes.Mailbox, s mailboxes.Secrets, roots *x509.CertPool) mailbox.Account {
	return mailbox.Account{Host: m.IMAP.Host, Port: m.IMAP.Port, Security: mailbox.Security(m.IMAP.Security),
		Username: m.IMAP.Username, Password: s.IMAP, AccessToken: s.Access, RootCAs: roots}
}
