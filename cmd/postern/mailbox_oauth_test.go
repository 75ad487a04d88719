package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Tried: a mailbox that is added and signed in for by a code, against a provider of the test's own.
func TestMailboxIsSignedInForByACode(t *testing.T) {
	t.Parallel()
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/device" {
			fmt.Fprint(w, `{"device_code":"dev","user_code":"ABCD-EFGH","verification_uri":"https://provider.example/device","expires_in":60,"interval":1}`)
			return
		}
		if r.PostFormValue("client_secret") != "s3cret-horse" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, `{"access_token":"access-1","token_type":"Bearer","expires_in":3600,"refresh_token":"refresh-1"}`)
	}))
	t.Cleanup(provider.Close)
	dir := t.TempDir()
	settings := []string{"POSTERN_DATA_DIR=" + dir}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret-horse\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	add := []string{"mailbox", "add", "support@desk.example", "--imap=127.0.0.1:1", "--imap-security=none", "--smtp=127.0.0.1:1", "--smtp-security=none",
		"--auth=oauth2", "--oauth-provider=custom", "--oauth-client-id=app", "--oauth-client-secret-file=" + secret, "--oauth-token-url=" + provider.URL + "/token"}
	if out := succeed(t, settings, append(add, "--oauth-device-url="+provider.URL+"/device")...); !strings.Contains(out, "postern mailbox authorize support@desk.example") {
		t.Errorf("added: %s", out)
	}
	out := succeed(t, settings, "mailbox", "authorize", "support@desk.example")
	if !strings.Contains(out, "https://provider.example/device") || !strings.Contains(out, "ABCD-EFGH") || !strings.Contains(out, "signed in") {
		t.Errorf("authorize: %s", out)
	}
	checked, errs, _ := command(t, settings, "mailbox", "check", "support@desk.example")
	if !strings.Contains(checked, "FAIL  IMAP login at 127.0.0.1") || strings.Contains(checked+errs+out, "access-1") || strings.Contains(checked+errs+out, "refresh-1") {
		t.Errorf("check: %s%s", checked, errs)
	}
}

// Tried: what can be left out or misspelt of an OAuth2 mailbox; nothing is asked of a database.
func TestOAuthFlagsAreChecked(t *testing.T) {
	t.Parallel()
	for want, flags := range map[string][]string{
		"--oauth-provider: name":                    {},
		"--oauth-tenant: name":                      {"--oauth-provider=microsoft", "--oauth-client-id=x"},
		"--oauth-client-id: name":                   {"--oauth-provider=google"},
		"Google lets no app":                        {"--oauth-provider=google", "--oauth-client-id=x", "--oauth-application"},
		"--oauth-auth-url or --oauth-device-url":    {"--oauth-provider=custom", "--oauth-client-id=x", "--oauth-token-url=https://x.example/t"},
		"an endpoint is an https:// URL":            {"--oauth-provider=custom", "--oauth-client-id=x", "--oauth-token-url=http://x.example/t", "--oauth-application"},
		"--oauth-client-secret-file: open /no/such": {"--oauth-provider=google", "--oauth-client-id=x", "--oauth-client-secret-file=/no/such"},
	} {
		args := append([]string{"mailbox", "add", "a@desk.example", "--imap=h:993", "--smtp=h:465", "--auth=oauth2"}, flags...)
		_, errs, status := command(t, []string{"POSTERN_DATA_DIR=" + t.TempDir()}, args...)
		if status == 0 || !strings.Contains(errs, want) {
			t.Errorf("%v: status %d, want %q:\n%s", flags, status, want, errs)
		}
	}
}
