package mailboxes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/fault"
)

// oauthBox is a mailbox that signs in; by itself where it is an application.
func (s scene) oauthBox(address string, application bool) Mailbox {
	s.t.Helper()
	f := fields(address)
	f.IMAPPassword, f.SMTPPassword, f.ClientSecret = nil, nil, ptr("first-s3cret")
	f.OAuth = &OAuth{Provider: "custom", ClientID: "app", TokenURL: "https://id.example/token", Scopes: []string{"mail"}, Application: application}
	m, err := s.Create(soon(s.t), tester, f)
	must(s.t, err)
	return m
}

// Tried: each secret of each kind of mailbox given anew, those that it would never use, and a sign-in that no key
// opens any more. The record says which secrets changed and tells none.
func TestSecretsAreChanged(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	plain, person, app := s.add("plain@desk.example"), s.oauthBox("person@desk.example", false), s.oauthBox("app@desk.example", true)
	must(t, s.Authorize(soon(t), tester, person.ID, "first-refresh"))
	change := func(m Mailbox, f Fields) error {
		_, err := s.Update(soon(t), tester, m.ID, 0, f)
		return err
	}
	for what, c := range map[string]struct {
		m           Mailbox
		f           Fields
		kind        fault.Kind
		code, field string
	}{
		"IMAP password of a sign-in": {person, Fields{IMAPPassword: ptr("s3cret")}, fault.Conflict, "other_sign_in", "imap_password"},
		"SMTP password of an app":    {app, Fields{SMTPPassword: ptr("s3cret")}, fault.Conflict, "other_sign_in", "smtp_password"},
		"client secret of passwords": {plain, Fields{ClientSecret: ptr("s3cret")}, fault.Conflict, "other_sign_in", "oauth_client_secret"},
		"refresh token of passwords": {plain, Fields{RefreshToken: ptr("s3cret")}, fault.Conflict, "other_sign_in", "oauth_refresh_token"},
		"refresh token of an app":    {app, Fields{RefreshToken: ptr("s3cret")}, fault.Conflict, "other_sign_in", "oauth_refresh_token"},
		"no refresh token":           {person, Fields{RefreshToken: ptr("")}, fault.Invalid, "invalid_oauth", "oauth_refresh_token"},
		"no client secret of an app": {app, Fields{ClientSecret: ptr("")}, fault.Invalid, "invalid_oauth", "oauth"},
	} {
		err := change(c.m, c.f)
		wantFault(t, what, err, c.kind, c.code, c.field)
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	holds := func(m Mailbox, client, refresh string) {
		t.Helper()
		got, err := s.Secrets(soon(t), m.ID)
		if err != nil || got.ClientSecret != client || got.Refresh != refresh {
			t.Errorf("%s has %q and %q, %v", m.Address, got.ClientSecret, got.Refresh, err)
		}
	}
	must(t, change(person, Fields{ClientSecret: ptr("second-s3cret")}))
	holds(person, "second-s3cret", "first-refresh")
	must(t, change(person, Fields{RefreshToken: ptr("second-refresh"), Name: ptr("Person")}))
	holds(person, "second-s3cret", "second-refresh")
	must(t, change(app, Fields{ClientSecret: ptr("second-s3cret")}))
	holds(app, "second-s3cret", "")
	s.test.Fixture(t, `update mailbox_grants set secret = '\x01'`)
	must(t, change(person, Fields{ClientSecret: ptr("third-s3cret"), RefreshToken: ptr("third-refresh")}))
	holds(person, "third-s3cret", "third-refresh")
	must(t, change(plain, Fields{IMAPPassword: ptr("new pass word"), SMTPPassword: ptr("new pass word")}))
	must(t, change(plain, Fields{Name: ptr("Plain")}))
	got := s.text(`select string_agg(concat(split_part(label, '@', 1), detail::text), ' ' order by seq) from audit_entries where kind = 'mailbox.updated' and detail -> 'signed_in' is null`)
	want := `person{"secrets": ["oauth_client_secret"]} person{"secrets": ["oauth_refresh_token"]} app{"secrets": ["oauth_client_secret"]} ` +
		`person{"secrets": ["oauth_client_secret", "oauth_refresh_token"]} plain{"secrets": ["imap_password", "smtp_password"]} plain{}`
	if got != want {
		t.Errorf("recorded %s\nwant     %s", got, want)
	}
	for _, table := range []string{"mailboxes", "mailbox_grants", "audit_entries"} {
		text := s.text(`select coalesce(string_agg(x::text, ' '), '') from ` + table + ` x`)
		for _, word := range []string{"-refresh", "-s3cret", "pass word"} {
			if strings.Contains(text, word) || strings.Contains(text, fmt.Sprintf("%x", word)) {
				t.Errorf("%s tells %s", table, word)
			}
		}
	}
}
