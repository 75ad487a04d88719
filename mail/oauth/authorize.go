package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// errNoRefresh: the provider would have to be asked again within the hour.
var errNoRefresh = errors.New("the provider gave no refresh token; let it ask for consent anew, and see that offline access is among the scopes")

// AuthorizeDevice lets a person sign in on any device (RFC 8628): show is called with where to go and the code to
// type in there. It returns the refresh token.
func (c Client) AuthorizeDevice(ctx context.Context, show func(where, code string)) (string, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, web)
	given, err := c.config().DeviceAuth(ctx)
	if err != nil {
		return "", explain(err)
	}
	show(given.VerificationURI, given.UserCode)
	got, err := c.config().DeviceAccessToken(ctx, given)
	if err != nil {
		return "", explain(err)
	}
	return keepable(got)
}

// AuthorizeBrowser lets a person sign in with a browser on this machine, which comes back to listen, a loopback
// listener that is closed then (RFC 8252 7.3), with PKCE (RFC 7636). hint is the address to sign in with.
func (c Client) AuthorizeBrowser(ctx context.Context, listen net.Listener, hint string, show func(where string)) (string, error) {
	conf := c.config()
	conf.RedirectURL = fmt.Sprintf("http://%s/", listen.Addr())
	verifier, state := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	type answer struct {
		code string
		err  error
	}
	answers := make(chan answer, 1)
	server := &http.Server{ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
				http.Error(w, "This is not the answer that is waited for.", http.StatusBadRequest)
				return
			}
			a := answer{code: q.Get("code")}
			if a.code == "" {
				a.err = fmt.Errorf("%w (the provider says: %s)", ErrSignIn, code(q.Get("error")))
			}
			fmt.Fprintln(w, "Thank you. You can close this page and go back to the terminal.")
			select {
			case answers <- a:
			default:
			}
		})}
	go func() { _ = server.Serve(listen) }() // it ends with Close
	defer server.Close()
	show(conf.AuthCodeURL(state, oauth2.AccessTypeOffline, oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("prompt", "consent"), oauth2.SetAuthURLParam("login_hint", hint)))
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answers:
		if a.err != nil {
			return "", a.err
		}
		got, err := conf.Exchange(context.WithValue(ctx, oauth2.HTTPClient, web), a.code, oauth2.VerifierOption(verifier))
		if err != nil {
			return "", explain(err)
		}
		return keepable(got)
	}
}

func keepable(t *oauth2.Token) (string, error) {
	if t.RefreshToken == "" {
		return "", errNoRefresh
	}
	return t.RefreshToken, nil
}
