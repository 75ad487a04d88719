package identity_test

import (
	"errors"
	"testing"

	"github.com/postern-desk/postern/internal/identity"
)

// Tried: a session's use after a minute, its end for want of use and for age, another purpose's token, and the row of
// one that ended after somebody else's login.
func TestSessionLivesWhileItIsUsed(t *testing.T) {
	t.Parallel()
	s := start(t)
	k, key, err := s.identity.Create(t.Context(), by, "Operator", identity.Admin)
	must(t, err)
	secret, err := s.identity.LogIn(t.Context(), key)
	must(t, err)
	who, err := s.identity.Session(t.Context(), secret)
	must(t, err)
	if who.ID != k.ID.String() || who.Name != "Operator" || len(secret) != 43 {
		t.Errorf("a token of %d characters stands for %+v", len(secret), who)
	}
	for _, wrong := range []string{"", key, secret + "A", secret[:42]} {
		if _, err := s.identity.Session(t.Context(), wrong); !errors.Is(err, identity.ErrNoSession) {
			t.Errorf("another token: %v", err)
		}
	}
	for _, c := range []struct {
		change string
		want   error
	}{
		{"update admin_sessions set used_at = now() - interval '29 minutes'", nil},
		{"update admin_sessions set used_at = used_at - interval '2 minutes'", nil}, // the look before was a use
		{"update admin_sessions set created_at = now() - interval '719 minutes'", nil},
		{"update admin_sessions set used_at = now() - interval '30 minutes'", identity.ErrNoSession},
		{"update admin_sessions set used_at = now(), created_at = now() - interval '12 hours'", identity.ErrNoSession},
	} {
		s.exec(c.change)
		if _, err := s.identity.Session(t.Context(), secret); !errors.Is(err, c.want) {
			t.Errorf("after %s: %v, want %v", c.change, err, c.want)
		}
	}
	_, err = s.identity.LogIn(t.Context(), key)
	must(t, err)
	if n := s.text("select count(*)::text from admin_sessions"); n != "1" {
		t.Errorf("%s sessions are kept, want the one in force", n)
	}
}

// Tried: a staff key, twice the same logout, and a logout of nobody.
func TestLoginAndLogoutAreRecordedOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, staff, err := s.identity.Create(t.Context(), by, "Colleague", identity.Staff)
	must(t, err)
	if _, err := s.identity.LogIn(t.Context(), staff); !errors.Is(err, identity.ErrUnknownKey) {
		t.Errorf("a staff key: %v", err)
	}
	_, key, err := s.identity.Create(t.Context(), by, "Operator", identity.Admin)
	must(t, err)
	secret, err := s.identity.LogIn(t.Context(), key)
	must(t, err)
	for _, token := range []string{"nobody's", secret, secret} {
		must(t, s.identity.LogOut(t.Context(), token))
	}
	if _, err := s.identity.Session(t.Context(), secret); !errors.Is(err, identity.ErrNoSession) {
		t.Errorf("after the logout: %v", err)
	}
	if got := s.text("select string_agg(kind || ' ' || actor_name, ', ' order by seq) from audit_entries where kind like 'admin.%'"); got != "admin.logged_in Operator, admin.logged_out Operator" {
		t.Errorf("recorded: %s", got)
	}
}
