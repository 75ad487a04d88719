package smtp

import (
	"encoding/base64"
	"strings"
	"testing"
)

// Tried: each mechanism alone and both, a server that takes the token, and one that refuses it with a challenge
// that must be answered first.
func TestLoginWithAToken(t *testing.T) {
	t.Parallel()
	for offered, c := range map[string]struct{ mechanism, initial, answer string }{
		"XOAUTH2 PLAIN":       {"XOAUTH2", "user=desk\x01auth=Bearer tok3n\x01\x01", ""},
		"OAUTHBEARER XOAUTH2": {"OAUTHBEARER", "n,a=desk,\x01host=127.0.0.1\x01port=", "AQ=="},
	} {
		login := func(p *peer) {
			p.say("220 ready")
			p.answer("EHLO", "250-here", "250 AUTH "+offered)
			said := strings.TrimPrefix(p.want("AUTH "+c.mechanism+" "), "AUTH "+c.mechanism+" ")
			plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(said))
			if err != nil || !strings.HasPrefix(string(plain), c.initial) || !strings.Contains(string(plain), "auth=Bearer tok3n\x01") {
				p.t.Errorf("%s: %q, %v", offered, plain, err)
			}
		}
		a := listen(t, func(p *peer) { login(p); p.say("235 ok"); p.accept() },
			func(p *peer) {
				login(p)
				p.say("334 eyJzdGF0dXMiOiI0MDEifQ==")
				if got := strings.TrimRight(p.want(c.answer), "\r\n"); got != c.answer {
					p.t.Errorf("%s: the challenge is answered with %q", offered, got)
				}
				p.say("535 5.7.8 refused")
				if c.mechanism == "OAUTHBEARER" {
					p.answer("*", "500 what") // the library's, harmless
				}
				p.answer("QUIT", "221 bye")
			})
		a.Username, a.AccessToken = "desk", "tok3n"
		pool := newPool(t, 1, Timeouts{})
		expect(t, send(pool, a), Accepted, StageReply, 250)
		pool.Close()
		res := send(newPool(t, 1, Timeouts{}), a)
		expect(t, res, Temporary, StageAuth, 535)
		if strings.Contains(res.Text, "tok3n") {
			t.Errorf("the token is told: %s", res.Text)
		}
	}
	a := listen(t, func(p *peer) { p.say("220 ready"); p.answer("EHLO", "250-here", "250 AUTH PLAIN LOGIN"); p.gone() })
	a.Username, a.AccessToken = "desk", "tok3n"
	if res := send(newPool(t, 1, Timeouts{}), a); res.Outcome != Temporary || res.Stage != StageAuth || !strings.Contains(res.Text, "OAuth2") {
		t.Errorf("a server without tokens: %+v", res)
	}
}
