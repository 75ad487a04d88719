package worker_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/testimap"
)

// provider gives out access tokens and tells Dovecot which are good.
type provider struct {
	mu      sync.Mutex
	refresh string // the only one that is good; rotated at each use
	access  string // the only one that is good
	given   int
}

func (p *provider) set(refresh, access string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refresh, p.access = refresh, access
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/about":
		fmt.Fprintf(w, `{"active":%t,"username":"desk"}`, r.Header.Get("Authorization") == "Bearer "+p.access)
	case r.PostFormValue("refresh_token") != p.refresh:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
	default:
		p.given++
		p.refresh, p.access = fmt.Sprintf("refresh-%d", p.given), fmt.Sprintf("access-%d", p.given)
		fmt.Fprintf(w, `{"access_token":"%s","token_type":"Bearer","expires_in":3600,"refresh_token":"%s"}`, p.access, p.refresh)
	}
}

// Tried: a mailbox that signs in with OAuth2, on a real Dovecot: before anybody signed in, after it, once the
// access token is withdrawn, once the grant is, and after a new sign-in.
func TestMailboxThatSignsIn(t *testing.T) {
	t.Parallel()
	p := &provider{refresh: "refresh-0"}
	endpoint := httptest.NewServer(p)
	t.Cleanup(endpoint.Close)
	tokens := testimap.StartTokens(t, endpoint.URL+"/about")
	d := newDesk(t)
	d.set.PollInterval = time.Second
	secret, address := "client-s3cret", "tokens@desk.example"
	m, _ := d.addMailbox(t, address, func(f *mailboxes.Fields) {
		at := server(t, tokens.Addr())
		at.Username = "desk"
		f.IMAP, f.IMAPPassword, f.SMTPPassword = &at, nil, nil
		f.OAuth = &mailboxes.OAuth{Provider: "custom", ClientID: "app", TokenURL: endpoint.URL + "/token", Scopes: []string{"mail"}}
		f.ClientSecret = &secret
	})
	put := func(subject string) {
		raw := "From: Ann <ann@client.example>\r\nTo: " + address + "\r\nSubject: " + subject + "\r\nMessage-ID: <" + unique() + ">\r\n\r\nHello\r\n"
		if err := tokens.AppendMany("desk", "INBOX", [][]byte{[]byte(raw)}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	watch(t, d.work(t))
	failing := `select exists (select from mailbox_outages where side = 'imap' and reason = $1)`
	d.eventually(t, 20*time.Second, "somebody has to sign in", failing, "sign_in_again")
	if err := d.boxes.Authorize(t.Context(), staffActor(), m.ID, "refresh-0"); err != nil {
		t.Fatal(err)
	}
	read := `select exists (select from tickets where subject = $1) and not exists (select from mailbox_outages where side = 'imap')`
	d.eventually(t, 30*time.Second, "the first email is read", read, "first")
	if got, err := d.boxes.RefreshToken(t.Context(), m.ID); err != nil || got != "refresh-1" {
		t.Errorf("the rotated token is kept as %q, %v", got, err)
	}
	p.set("another", "another") // both withdrawn
	if err := tokens.Restart(); err != nil {
		t.Fatal(err)
	}
	d.eventually(t, 60*time.Second, "the grant is known to be withdrawn", failing, "sign_in_again")
	put("second")
	if err := d.boxes.Authorize(t.Context(), staffActor(), m.ID, "another"); err != nil {
		t.Fatal(err)
	}
	d.eventually(t, 30*time.Second, "the second email is read", read, "second")
	for _, word := range []string{"access-", "refresh-", secret, "another"} {
		if log := d.log.String(); strings.Contains(log, word) {
			t.Errorf("the log tells %s:\n%s", word, log)
		}
		if n := one[int](t, d, `select count(*) from mailbox_outages where detail like '%' || $1 || '%'`, word); n != 0 {
			t.Errorf("an outage tells %s", word)
		}
	}
}
