package mailbox_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postern-desk/postern/internal/testimap"
	"github.com/postern-desk/postern/mail/mailbox"
)

const goodToken = "ya29.good-token_AAAA"

// Tried: a real Dovecot that asks an endpoint about tokens, with a good one and a withdrawn one, by each mechanism.
func TestDovecotTakesAccessTokens(t *testing.T) {
	t.Parallel()
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+goodToken {
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(map[string]any{"active": false})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"active": true, "username": "desk"})
	}))
	t.Cleanup(endpoint.Close)
	server := testimap.StartTokens(t, endpoint.URL+"/introspect")
	for _, hidden := range []string{"", "OAUTHBEARER", "XOAUTH2"} {
		t.Run("without "+hidden, func(t *testing.T) {
			t.Parallel()
			a := accountAt(t, server.Addr(), "desk", "")
			if hidden != "" {
				a.Host, a.Port = hostPort(t, hiding(t, server.Addr(), "AUTH="+hidden))
			}
			a.AccessToken = goodToken
			s := dialAccount(t, a)
			if _, err := s.Open(within(t), "INBOX"); err != nil {
				t.Error(err)
			}
			a.AccessToken = "withdrawn-token"
			_, err := mailbox.Dial(within(t), a, quick)
			mustBe(t, err, mailbox.ErrAuth)
			if strings.Contains(err.Error(), "withdrawn-token") {
				t.Errorf("the token is told: %v", err)
			}
		})
	}
}

// Tried: a server that explains a refusal in a challenge first, as Google and Microsoft do. It must be answered,
// or the refusal never comes.
func TestRefusalOfATokenIsAnsweredFirst(t *testing.T) {
	t.Parallel()
	for mechanism, want := range map[string]string{"XOAUTH2": "", "OAUTHBEARER": "AQ=="} {
		f := &fake{replies: map[string]reply{
			"GREETING": func(c *talk, _, _ string) { c.send("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=%s] x\r\n", mechanism) },
			"AUTHENTICATE": func(c *talk, tag, args string) {
				if !strings.HasPrefix(args, mechanism+" ") {
					c.t.Errorf("AUTHENTICATE %s", args)
				}
				c.send("+ eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=\r\n") // {"status":"401","schemes":"bearer"}
				if answer, _ := c.line(); answer != want {
					c.t.Errorf("%s: the challenge is answered with %q, want %q", mechanism, answer, want)
				}
				c.send("%s NO [AUTHENTICATIONFAILED] Invalid credentials for %s\r\n", tag, fakeUser)
			},
		}}
		a := f.start(t)
		a.Password, a.AccessToken = "", goodToken
		_, err := mailbox.Dial(within(t), a, quick)
		mustBe(t, err, mailbox.ErrAuth)
		if !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), fakeUser) || strings.Contains(err.Error(), goodToken) {
			t.Errorf("%s: %v", mechanism, err)
		}
	}
	a := (&fake{}).start(t)
	a.AccessToken = goodToken
	_, err := mailbox.Dial(within(t), a, quick)
	mustBe(t, err, mailbox.ErrAuth)
}

// hiding passes IMAP on without a word of the server's capabilities.
func hiding(t *testing.T, target, word string) string {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listen.Close() })
	pass := func(to, from net.Conn, change func([]byte) []byte) {
		defer to.Close()
		piece := make([]byte, 32<<10)
		for {
			n, err := from.Read(piece)
			if err != nil {
				return
			}
			if _, err := to.Write(change(piece[:n])); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := listen.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			go pass(server, client, func(b []byte) []byte { return b })
			go pass(client, server, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(" "+word), nil) })
		}
	}()
	return listen.Addr().String()
}
