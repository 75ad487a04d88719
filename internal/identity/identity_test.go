package identity_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/identity"
	"github.com/postern-desk/postern/internal/testdb"
)

var by = event.Actor{Kind: "cli", ID: "test", Name: "Test", Realm: event.Staff}

type setup struct {
	t        *testing.T
	db       *db.DB
	super    string
	identity *identity.Service
}

func start(t *testing.T) setup {
	t.Helper()
	urls := testdb.New(t)
	d, err := db.Open(t.Context(), urls.AppURL, db.Options{AppConns: 4, ClientConns: 1})
	must(t, err)
	t.Cleanup(d.Close)
	return setup{t: t, db: d, super: urls.SuperURL, identity: identity.New(d)}
}

func (s setup) exec(sql string) {
	s.t.Helper()
	conn, err := pgx.Connect(context.Background(), s.super)
	must(s.t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	must(s.t, err)
}

func (s setup) text(sql string) string {
	s.t.Helper()
	var out string
	err := s.db.View(context.Background(), by, func(v *db.View) error { return v.QueryRow(sql).Scan(&out) })
	must(s.t, err)
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeyProvesItsBearer(t *testing.T) {
	t.Parallel()
	s := start(t)
	k, key, err := s.identity.Create(t.Context(), by, " CRM sync ", identity.Admin)
	must(t, err)
	if len(key) != 47 || !strings.HasPrefix(key, "pst_") || !strings.HasPrefix(key, k.Prefix) || len(k.Prefix) >= 12 {
		t.Errorf("a key of %d characters with prefix %q", len(key), k.Prefix)
	}
	actor, role, err := s.identity.Authenticate(t.Context(), key)
	must(t, err)
	want := event.Actor{Kind: "api_key", ID: k.ID.String(), Name: "CRM sync", Realm: event.Staff}
	if actor != want || role != identity.Admin {
		t.Errorf("it stands for %+v as %s", actor, role)
	}
	if row := s.text("select r::text from api_keys as r"); strings.Contains(row, key[len(k.Prefix):]) {
		t.Error("the key is stored in the clear")
	}
	if audit := s.text("select string_agg(kind || ' ' || label || detail::text, ',') from audit_entries"); audit != `api_key.created CRM sync{"role": "admin"}` {
		t.Errorf("audited as %s", audit)
	}
}

func TestOnlyKeysInForceAreKnown(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, key, err := s.identity.Create(t.Context(), by, "x", identity.Staff)
	must(t, err)
	for _, wrong := range []string{"", "pst_", key[:len(key)-1], key + "A", strings.ToLower(key), " " + key, "\x00", strings.Repeat("x", 1<<16), strings.TrimPrefix(key, "pst_")} {
		if _, _, err := s.identity.Authenticate(t.Context(), wrong); !errors.Is(err, identity.ErrUnknownKey) {
			t.Errorf("a key of %d characters: %v", len(wrong), err)
		}
	}
}

// TestRevokedKeyEndsAtOnce uses the key before, so that it is remembered when it is revoked.
func TestRevokedKeyEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	k, key, err := s.identity.Create(t.Context(), by, "x", identity.Staff)
	must(t, err)
	elsewhere := identity.New(s.db) // another process
	for _, service := range []*identity.Service{s.identity, elsewhere} {
		_, _, err = service.Authenticate(t.Context(), key)
		must(t, err)
	}
	must(t, s.identity.Revoke(t.Context(), by, k.ID))
	if _, _, err := s.identity.Authenticate(t.Context(), key); !errors.Is(err, identity.ErrUnknownKey) {
		t.Errorf("a revoked key: %v", err)
	}
	time.Sleep(1100 * time.Millisecond)
	if _, _, err := elsewhere.Authenticate(t.Context(), key); !errors.Is(err, identity.ErrUnknownKey) {
		t.Errorf("a revoked key in another process, a second later: %v", err)
	}
	must(t, s.identity.Revoke(t.Context(), by, k.ID))
	if n := s.text("select count(*)::text from audit_entries"); n != "2" {
		t.Errorf("%s audit entries for one making and one end", n)
	}
	if err := s.identity.Revoke(t.Context(), by, uuid.New()); !fault.Is(err, "api_key_not_found") {
		t.Errorf("revoking none: %v", err)
	}
	keys, err := s.identity.List(t.Context(), by)
	must(t, err)
	if len(keys) != 1 || keys[0].RevokedAt == nil {
		t.Errorf("listed as %+v", keys)
	}
}

func TestUseIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, key, err := s.identity.Create(t.Context(), by, "x", identity.Staff)
	must(t, err)
	used := func() string {
		_, _, err := identity.New(s.db).Authenticate(t.Context(), key)
		must(t, err)
		return s.text("select coalesce(last_used_at::text, 'never') from api_keys")
	}
	first := used()
	if first == "never" {
		t.Error("the first use was not noted")
	}
	if second := used(); second != first {
		t.Errorf("noted at %s and again at %s", first, second)
	}
	s.exec("update api_keys set last_used_at = now() - interval '61 seconds'")
	if third := used(); third <= first {
		t.Errorf("a use a minute later was not noted: %s, then %s", first, third)
	}
}

func TestKeysNeedANameAndARole(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, c := range []struct {
		name string
		role identity.Role
		code string
	}{{" ", identity.Staff, "invalid_name"}, {strings.Repeat("x", 201), identity.Staff, "invalid_name"}, {"x", "root", "invalid_role"}, {"x", "", "invalid_role"}} {
		if _, key, err := s.identity.Create(t.Context(), by, c.name, c.role); !fault.Is(err, c.code) || key != "" {
			t.Errorf("%q as %q: %v", c.name, c.role, err)
		}
	}
	if n := s.text("select count(*)::text from api_keys"); n != "0" {
		t.Errorf("%s keys were made", n)
	}
}

// TestNoKeyIsKnownWithoutADatabase closes the pool: a failure is none of "unknown".
func TestNoKeyIsKnownWithoutADatabase(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, key, err := s.identity.Create(t.Context(), by, "x", identity.Staff)
	must(t, err)
	s.db.Close()
	if _, _, err := s.identity.Authenticate(t.Context(), key); err == nil || errors.Is(err, identity.ErrUnknownKey) {
		t.Errorf("without a database: %v", err)
	}
}
