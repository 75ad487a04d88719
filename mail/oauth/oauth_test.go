package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// provider is a token endpoint whose answers the test writes.
type provider struct {
	*httptest.Server
	asked  atomic.Int64
	mu     sync.Mutex
	forms  []url.Values
	answer func(form url.Values) (status int, body string)
}

func newProvider(t *testing.T, answer func(url.Values) (int, string)) *provider {
	t.Helper()
	p := &provider{answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		_ = r.ParseForm()
		p.mu.Lock()
		p.forms = append(p.forms, r.PostForm)
		status, body := p.answer(r.PostForm)
		p.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) client() Client {
	return Client{ID: "desk-app", Secret: "s3cret-horse", TokenURL: p.URL + "/token", DeviceURL: p.URL + "/device", AuthURL: p.URL + "/auth", Scopes: []string{"mail"}}
}

// kept is a grant in memory.
type kept struct {
	mu      sync.Mutex
	refresh string
	broken  error
}

func (k *kept) grant() Grant {
	return Grant{
		Load: func(context.Context) (string, error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.refresh, nil
		},
		Save: func(_ context.Context, refresh string) error {
			k.mu.Lock()
			defer k.mu.Unlock()
			if k.broken == nil {
				k.refresh = refresh
			}
			return k.broken
		},
	}
}

func token(n int64, seconds int, refresh string) string {
	return fmt.Sprintf(`{"access_token":"access-%d","token_type":"Bearer","expires_in":%d,"refresh_token":"%s"}`, n, seconds, refresh)
}

// Tried: fifty callers at once, a token near its end, and one that a server has refused.
func TestTokenIsReplacedAheadOfItsEndByOneCaller(t *testing.T) {
	t.Parallel()
	var p *provider
	p = newProvider(t, func(url.Values) (int, string) { return 200, token(p.asked.Load(), 3600, "") })
	k := &kept{refresh: "first"}
	s := NewSource(p.client(), k.grant())
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got, err := s.Access(t.Context()); got != "access-1" || err != nil {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
	all.Wait()
	if ahead := time.Until(s.token.Expires) - time.Until(s.replace); p.asked.Load() != 1 || ahead.Round(time.Second) != Ahead || k.refresh != "first" {
		t.Errorf("asked %d times, replaced %v ahead, the refresh token is %s", p.asked.Load(), ahead, k.refresh)
	}
	s.replace = time.Now()
	if got, err := s.Access(t.Context()); got != "access-2" || err != nil {
		t.Errorf("five minutes before the end: %s, %v", got, err)
	}
	s.Forget("access-1") // an old one
	s.Forget("access-2")
	if got, _ := s.Access(t.Context()); got != "access-3" || p.asked.Load() != 3 {
		t.Errorf("after a refusal: %s, asked %d times", got, p.asked.Load())
	}
	if f := p.forms[0]; f.Get("grant_type") != "refresh_token" || f.Get("refresh_token") != "first" || f.Get("client_id") != "desk-app" {
		t.Errorf("asked with %v", f)
	}
}

// Tried: a provider that rotates, a store that is away meanwhile, and a rotation by another process.
func TestRotatedTokenIsKept(t *testing.T) {
	t.Parallel()
	valid := "first"
	var p *provider
	p = newProvider(t, func(f url.Values) (int, string) {
		if f.Get("refresh_token") != valid {
			return 400, `{"error":"invalid_grant"}`
		}
		valid = fmt.Sprintf("rotated-%d", p.asked.Load())
		return 200, token(p.asked.Load(), 3600, valid)
	})
	k := &kept{refresh: "first", broken: errors.New("the database is away")}
	s := NewSource(p.client(), k.grant())
	if got, err := s.Access(t.Context()); got != "access-1" || err != nil || k.refresh != "first" {
		t.Errorf("without a store: %s, %v, kept %s", got, err, k.refresh)
	}
	k.broken = nil
	if _, err := s.Access(t.Context()); err != nil || k.refresh != "rotated-1" {
		t.Errorf("the store is back: %v, kept %s", err, k.refresh)
	}
	other := NewSource(p.client(), k.grant())
	if _, err := other.Access(t.Context()); err != nil || k.refresh != "rotated-2" {
		t.Errorf("another process: %v, kept %s", err, k.refresh)
	}
	s.replace = time.Now()
	if got, err := s.Access(t.Context()); err != nil || k.refresh != "rotated-3" {
		t.Errorf("after another process rotated: %s, %v, kept %s", got, err, k.refresh)
	}
}

// Tried: each way a provider may fail; which of them a person has to help with, and that no secret is told.
func TestFailuresTellNoSecret(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"withdrawn":      {400, `{"error":"invalid_grant","error_description":"token first s3cret-horse expired"}`, ErrSignIn},
		"wrong secret":   {401, `{"error":"invalid_client","error_description":"s3cret-horse"}`, ErrSignIn},
		"odd code":       {400, `{"error":"s3cret-horse access-1"}`, ErrUnavailable},
		"away":           {503, `s3cret-horse`, ErrUnavailable},
		"throttled":      {429, `{"error":"slow_down"}`, ErrUnavailable},
		"no JSON":        {200, `<html>s3cret-horse first</html>`, ErrUnavailable},
		"no token in it": {200, `{"first":"s3cret-horse"}`, ErrUnavailable},
		"redirect":       {302, ``, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, func(url.Values) (int, string) { return c.status, c.body })
			k := &kept{refresh: "first"}
			for _, application := range []bool{false, true} {
				client := p.client()
				client.Application = application
				s := NewSource(client, k.grant())
				before := p.asked.Load()
				_, err := s.Access(t.Context())
				_, again := s.Access(t.Context())
				if !errors.Is(err, c.want) || again == nil || p.asked.Load() != before+1 {
					t.Errorf("%v, then %v; asked %d times, want once", err, again, p.asked.Load()-before)
				}
				for _, secret := range []string{"s3cret-horse", "first", "access-1"} {
					if strings.Contains(fmt.Sprint(err), secret) {
						t.Errorf("%q is told: %v", secret, err)
					}
				}
			}
		})
	}
	client := Client{ID: "x", TokenURL: "http://127.0.0.1:1/token"}
	if _, err := client.Fetch(t.Context(), "first"); !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "first") {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := client.Fetch(t.Context(), ""); !errors.Is(err, ErrSignIn) {
		t.Errorf("before anybody signed in: %v", err)
	}
	if text := fmt.Sprintf("%v %+v %#v", Token{Access: "access-1"}, Token{Access: "access-1"}, Token{Access: "access-1"}); strings.Contains(text, "access-1") {
		t.Errorf("a token prints as %s", text)
	}
}

// Tried: the provider is away in the last minutes of a token, and after its end.
func TestProviderThatIsAwayCostsNothingAheadOfTheEnd(t *testing.T) {
	t.Parallel()
	status := 200
	var p *provider
	p = newProvider(t, func(url.Values) (int, string) { return status, token(p.asked.Load(), 3600, "") })
	s := NewSource(p.client(), (&kept{refresh: "first"}).grant())
	if _, err := s.Access(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, s.replace = 503, time.Now()
	if got, err := s.Access(t.Context()); got != "access-1" || err != nil {
		t.Errorf("four minutes before the end: %s, %v", got, err)
	}
	s.token.Expires, s.again = time.Now(), time.Time{}
	if got, err := s.Access(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after the end: %s, %v", got, err)
	}
}

// Tried: a person who signs in by a code while the provider is still waiting for them, and one who declines.
func TestSignInByCode(t *testing.T) {
	t.Parallel()
	polls, decline := 0, false
	p := newProvider(t, func(f url.Values) (int, string) {
		switch {
		case f.Get("grant_type") == "":
			return 200, `{"device_code":"dev","user_code":"ABCD-EFGH","verification_uri":"https://provider.example/device","expires_in":60,"interval":1}`
		case decline:
			return 400, `{"error":"access_denied"}`
		}
		if polls++; polls == 1 {
			return 400, `{"error":"authorization_pending"}`
		}
		return 200, token(1, 3600, "granted")
	})
	var shown string
	show := func(where, code string) { shown = where + " " + code }
	got, err := p.client().AuthorizeDevice(t.Context(), show)
	if got != "granted" || err != nil || shown != "https://provider.example/device ABCD-EFGH" {
		t.Errorf("%q, %v, shown %s", got, err, shown)
	}
	p.mu.Lock()
	decline = true
	p.mu.Unlock()
	if _, err := p.client().AuthorizeDevice(t.Context(), show); !errors.Is(err, ErrSignIn) {
		t.Errorf("declined: %v", err)
	}
}

// Tried: a browser that comes back with the code; before it a stranger's request with another state.
func TestSignInByBrowser(t *testing.T) {
	t.Parallel()
	p := newProvider(t, func(f url.Values) (int, string) {
		if f.Get("code") != "the-code" || f.Get("code_verifier") == "" {
			return 400, `{"error":"invalid_grant"}`
		}
		return 200, token(1, 3600, "granted")
	})
	for query, want := range map[string]error{"code=the-code": nil, "code=another": ErrSignIn, "error=access_denied": ErrSignIn} {
		listen, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.client().AuthorizeBrowser(t.Context(), listen, "support@desk.example", func(where string) {
			u, _ := url.Parse(where)
			q := u.Query()
			if q.Get("code_challenge_method") != "S256" || q.Get("access_type") != "offline" || strings.Contains(where, "s3cret") {
				t.Errorf("the browser is sent to %s", where)
			}
			for _, state := range []string{"stranger", q.Get("state")} {
				answer, err := http.Get(q.Get("redirect_uri") + "?" + query + "&state=" + state)
				if err != nil {
					t.Error(err)
					return
				}
				answer.Body.Close()
				if (answer.StatusCode == 200) != (state != "stranger") {
					t.Errorf("state %s: status %d", state, answer.StatusCode)
				}
			}
		})
		if !errors.Is(err, want) || (want == nil) != (got == "granted") {
			t.Errorf("%s: %q, %v", query, got, err)
		}
	}
}

func TestSASL(t *testing.T) {
	t.Parallel()
	x := &SASL{Mechanism: XOAuth2, User: "a@desk.example\x01auth=evil", Token: "tok"}
	if _, got, _ := x.Start(); string(got) != "user=a@desk.exampleauth=evil\x01auth=Bearer tok\x01\x01" {
		t.Errorf("%q", got)
	}
	b := &SASL{Mechanism: Bearer, User: "a=b,c@desk.example", Host: "mail.example", Port: 993, Token: "tok"}
	if _, got, _ := b.Start(); string(got) != "n,a=a=3Db=2Cc@desk.example,\x01host=mail.example\x01port=993\x01auth=Bearer tok\x01\x01" {
		t.Errorf("%q", got)
	}
	for challenge, want := range map[string]string{`{"status":"invalid_token"}`: "invalid_token", `{"status":"400"}`: "400", `{"status":"tok<"}`: "", "no JSON": ""} {
		x.Refused = ""
		if answer, err := x.Next([]byte(challenge)); err != nil || answer == nil || len(answer) != 0 || x.Refused != want {
			t.Errorf("%s: %q, %v, refused %q", challenge, answer, err, x.Refused)
		}
	}
	if Choose(func(m string) bool { return m == XOAuth2 }) != XOAuth2 || Choose(func(string) bool { return true }) != Bearer || Choose(func(string) bool { return false }) != "" {
		t.Error("the wrong mechanism is chosen")
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range []Client{Google(), Microsoft("contoso.example/../evil", false), Microsoft("contoso.example", true)} {
		if CheckURL(c.TokenURL) != nil || strings.Contains(c.TokenURL, "/../") || len(c.Scopes) == 0 {
			t.Errorf("%+v", c)
		}
	}
	for endpoint, ok := range map[string]bool{"https://x.example/t": true, "http://127.0.0.1:1/": true, "http://localhost/": true,
		"http://x.example/": false, "https://u:p@x.example/": false, "": false, "file:///x": false, "ftp://x.example/": false} {
		if (CheckURL(endpoint) == nil) != ok {
			t.Errorf("%q: %v", endpoint, CheckURL(endpoint))
		}
	}
}

// The challenge is the server's: whatever it holds, it is answered.
func FuzzChallenge(f *testing.F) {
	f.Add([]byte(`{"status":"400","schemes":"bearer"}`))
	f.Fuzz(func(t *testing.T, challenge []byte) {
		for _, m := range []string{Bearer, XOAuth2} {
			s := &SASL{Mechanism: m}
			if answer, err := s.Next(challenge); err != nil || answer == nil || len(s.Refused) > 60 {
				t.Errorf("%q: %q, %v", challenge, answer, err)
			}
		}
	})
}
