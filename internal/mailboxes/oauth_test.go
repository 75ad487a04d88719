package mailboxes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/fault"
)

// Tried: a mailbox that signs in, from its making over the sign-in to a rotation; what is stored is sealed.
func TestSignInIsKeptSealed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	secret := "client-s3cret"
	f := fields("support@desk.example")
	f.IMAPPassword, f.SMTPPassword = nil, nil
	f.OAuth = &OAuth{Provider: "custom", ClientID: "app", TokenURL: "https://id.example/token", Scopes: []string{"mail"}, Application: true}
	_, err := s.Create(soon(t), tester, f)
	wantFault(t, "an application without a secret", err, fault.Invalid, "invalid_oauth", "oauth")
	f.OAuth.Application, f.ClientSecret = false, &secret
	m, err := s.Create(soon(t), tester, f)
	must(t, err)
	if got, err := s.RefreshToken(soon(t), m.ID); got != "" || err != nil {
		t.Errorf("before the sign-in: %q, %v", got, err)
	}
	must(t, s.Authorize(soon(t), tester, m.ID, "refresh-one"))
	must(t, s.Rotate(soon(t), m.ID, "refresh-two"))
	secrets, err := s.Secrets(soon(t), m.ID)
	if err != nil || secrets.Refresh != "refresh-two" || secrets.ClientSecret != secret || secrets.IMAP != "" || secrets.Access != "" {
		t.Errorf("kept %q and %q, %v", secrets.Refresh, secrets.ClientSecret, err)
	}
	if text := fmt.Sprintf("%v %+v %#v", secrets, secrets, secrets); strings.Contains(text, "refresh-two") || strings.Contains(text, secret) {
		t.Errorf("secrets print as %s", text)
	}
	found, err := s.Get(soon(t), tester, m.ID)
	must(t, err)
	if found.Version != 2 || found.OAuth == nil || found.OAuth.ClientID != "app" {
		t.Errorf("the mailbox is %+v", found)
	}
	for _, table := range []string{"mailboxes", "mailbox_grants", "audit_entries"} {
		text := s.text(`select coalesce(string_agg(x::text, ' '), '') from ` + table + ` x`)
		for _, word := range []string{"refresh-", secret} {
			if strings.Contains(text, word) || strings.Contains(text, fmt.Sprintf("%x", word)) {
				t.Errorf("%s tells %s", table, word)
			}
		}
	}
	err = s.Authorize(soon(t), tester, s.add("other@desk.example").ID, "x")
	wantFault(t, "a mailbox with a password", err, fault.Conflict, "no_sign_in", "")
}

// Tried: a client secret that the provider replaced keeps the sign-in; under another key, once the first is lost,
// the secret is kept and somebody has to sign in again.
func TestClientSecretIsRenewed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	first, second, third := "client-s3cret", "second", "third"
	f := fields("support@desk.example")
	f.IMAPPassword, f.SMTPPassword, f.ClientSecret = nil, nil, &first
	f.OAuth = &OAuth{Provider: "custom", ClientID: "app", TokenURL: "https://id.example/token", Scopes: []string{"mail"}}
	m, err := s.Create(soon(t), tester, f)
	must(t, err)
	must(t, s.Authorize(soon(t), tester, m.ID, "refresh-one"))
	_, err = s.Update(soon(t), tester, m.ID, 0, Fields{ClientSecret: &second})
	must(t, err)
	if secrets, err := s.Secrets(soon(t), m.ID); err != nil || secrets.ClientSecret != second || secrets.Refresh != "refresh-one" {
		t.Errorf("renewed: %q and %q, %v", secrets.ClientSecret, secrets.Refresh, err)
	}
	other := New(s.db, newVault(t, 9))
	if _, err := other.Secrets(soon(t), m.ID); err == nil {
		t.Fatal("another key opens the secrets")
	}
	_, err = other.Update(soon(t), tester, m.ID, 0, Fields{ClientSecret: &third, LostKey: true})
	must(t, err)
	if secrets, err := other.Secrets(soon(t), m.ID); err != nil || secrets.ClientSecret != third || secrets.Refresh != "" {
		t.Errorf("under another key: %q and %q, %v", secrets.ClientSecret, secrets.Refresh, err)
	}
}
