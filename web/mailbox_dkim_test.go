package web_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/postern-desk/postern/web"
)

// Tried over the API: the road from no key to a signing one and on to the next, against a DNS that follows.
func TestDKIMOverTheAPI(t *testing.T) {
	t.Parallel()
	records, down := map[string]string{}, false
	d := newDesk(t, func(deps *web.Deps) {
		deps.LookUpTXT = func(_ context.Context, name string) ([]string, error) {
			if down {
				return nil, errors.New("i/o timeout")
			}
			if r, ok := records[name]; ok {
				return []string{r}, nil
			}
			return nil, nil
		}
	})
	path := "/v1/mailboxes/" + d.mailbox.ID.String() + "/dkim"
	admin := func(method string, body any) answer {
		t.Helper()
		return d.do(request{method: method, path: path, body: body, key: d.admin})
	}
	if got := string(d.get(path).want(200).body); !strings.Contains(got, `"domain":"desk.example","signing":false,"keys":[]`) {
		t.Errorf("at first: %s", got)
	}
	on := map[string]any{"signing": true}
	admin("PUT", on).refused(409, "no_dkim_key")
	made := admin("POST", map[string]any{"selector": "one"}).want(201)
	if made.header.Get("Location") != path || made.text("id") != d.mailbox.ID.String() {
		t.Errorf("made at %s: %s", made.header.Get("Location"), made.body)
	}
	key := made.object()["keys"].([]any)[0].(map[string]any)
	name, record := key["name"].(string), key["record"].(string)
	if name != "one._domainkey.desk.example" || !strings.HasPrefix(record, "v=DKIM1; k=rsa; p=MIIB") || strings.Contains(strings.ToLower(string(made.body)), "private") || len(key) != 5 {
		t.Errorf("the key is shown as %v", key)
	}
	down = true
	admin("PUT", on).refused(503, "dns_unavailable")
	down = false
	if got := string(admin("PUT", on).refused(409, "dkim_not_published").body); !strings.Contains(got, name) || !strings.Contains(got, "there is no record") {
		t.Errorf("not published: %s", got)
	}
	records[name] = record
	if got := string(admin("PUT", on).want(200).body); !strings.Contains(got, `"signing":true,"keys":[{"selector":"one","signing":true`) {
		t.Errorf("on: %s", got)
	}
	admin("POST", map[string]any{"selector": "one"}).refused(409, "selector_taken")
	admin("POST", map[string]any{"selector": "Two"}).refused(422, "invalid_selector")
	admin("POST", map[string]any{"selector": "two"}).want(201)
	admin("PUT", on).refused(409, "dkim_not_published")
	if got := string(admin("PUT", map[string]any{"signing": true, "unchecked": true}).want(200).body); !strings.Contains(got, `{"selector":"two","signing":true`) {
		t.Errorf("unchecked: %s", got)
	}
	if got := string(admin("PUT", map[string]any{"signing": false}).want(200).body); strings.Contains(got, `"signing":true`) {
		t.Errorf("off: %s", got)
	}
	for _, method := range []string{"POST", "PUT"} {
		d.do(request{method: method, path: path, body: on}).refused(403, "forbidden")
	}
	d.get("/v1/mailboxes/"+anyID()+"/dkim").refused(404, "mailbox_not_found")
}

// Tried over the API: secrets of a mailbox that logs in with passwords, and of one that signs in; none comes back.
func TestSecretsAreChangedOverTheAPI(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	path := "/v1/mailboxes/" + d.mailbox.ID.String()
	change := func(body map[string]any) answer {
		t.Helper()
		return d.do(request{method: "PATCH", path: path, body: body, key: d.admin, header: map[string]string{"If-Match": "*"}})
	}
	change(map[string]any{"imap_password": "new-s3cret", "smtp_password": "new-s3cret"}).want(200)
	secrets, err := d.deps.Mailboxes.Secrets(t.Context(), d.mailbox.ID)
	must(t, err)
	if secrets.IMAP != "new-s3cret" || secrets.SMTP != "new-s3cret" {
		t.Error("the passwords are not kept")
	}
	change(map[string]any{"oauth_client_secret": "x"}).refused(409, "other_sign_in")
	d.ownerDB.Fixture(t, `update mailboxes set oauth = '{"provider": "custom", "client_id": "app", "token_url": "https://id.example/t", "scopes": []}'`)
	d.ownerDB.Fixture(t, `insert into mailbox_grants (mailbox_id, secret) select id, '\x00' from mailboxes`)
	change(map[string]any{"imap_password": "x"}).refused(409, "other_sign_in")
	change(map[string]any{"oauth_refresh_token": ""}).refused(422, "validation_failed")
	a := change(map[string]any{"oauth_client_secret": "client-s3cret", "oauth_refresh_token": "refresh-s3cret"}).want(200)
	if all := string(a.body) + string(d.get(path).body) + d.logs.String(); strings.Contains(all, "s3cret") {
		t.Errorf("told: %s", all)
	}
	secrets, err = d.deps.Mailboxes.Secrets(t.Context(), d.mailbox.ID)
	must(t, err)
	if secrets.ClientSecret != "client-s3cret" || secrets.Refresh != "refresh-s3cret" {
		t.Error("the sign-in's secrets are not kept")
	}
}
