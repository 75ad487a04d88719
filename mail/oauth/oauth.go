// Package oauth gets access tokens (OAuth 2.0, RFC 6749) for mail servers that take no passwords. It knows no
// mailbox and no database. Tokens and secrets are in no error and no URL of its own making.
package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Client is who asks where. With a Secret it is a confidential client.
type Client struct {
	ID, Secret string
	TokenURL   string
	AuthURL    string // where people sign in, with a browser on this machine; may be empty
	DeviceURL  string // where a code is given out that people type in anywhere (RFC 8628); may be empty
	Scopes     []string
	// Application: the client itself may read the mailbox (client credentials); nobody signs in.
	Application bool
}

// Token opens a mailbox until Expires. Refresh is empty where the old one stays valid.
type Token struct {
	Access  string
	Expires time.Time // zero: the server said nothing, and an hour is assumed
	Refresh string
}

// String keeps a careless log line from telling it.
func (Token) String() string { return "[token]" }

// GoString does so too.
func (t Token) GoString() string { return t.String() }

// The kinds of failure, for errors.Is.
var (
	// ErrSignIn: the grant is no longer valid; only a person can help.
	ErrSignIn = errors.New("the provider no longer accepts the sign-in; sign in again: postern mailbox authorize")
	// ErrUnavailable: the token endpoint did not answer as it should; a later try may succeed.
	ErrUnavailable = errors.New("no access token could be got from the provider")
)

// requestTimeout bounds each request to a provider.
const requestTimeout = 20 * time.Second

// web follows no redirect: what is sent holds secrets, and endpoints do not move.
var web = &http.Client{Timeout: requestTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (c Client) config() *oauth2.Config {
	return &oauth2.Config{ClientID: c.ID, ClientSecret: c.Secret, Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{TokenURL: c.TokenURL, AuthURL: c.AuthURL, DeviceAuthURL: c.DeviceURL, AuthStyle: oauth2.AuthStyleInParams}}
}

// Fetch gets an access token, with the refresh token unless the client is an application.
func (c Client) Fetch(ctx context.Context, refresh string) (Token, error) {
	if !c.Application && refresh == "" {
		return Token{}, fmt.Errorf("%w (nobody has signed in yet)", ErrSignIn)
	}
	var got *oauth2.Token
	var err error
	ctx = context.WithValue(ctx, oauth2.HTTPClient, web)
	if c.Application {
		got, err = c.application().Token(ctx)
	} else {
		got, err = c.config().TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	}
	if err != nil {
		return Token{}, explain(err)
	}
	t := tokenOf(got)
	if t.Refresh == refresh {
		t.Refresh = ""
	}
	return t, nil
}

func tokenOf(t *oauth2.Token) Token {
	out := Token{Access: t.AccessToken, Expires: t.Expiry, Refresh: t.RefreshToken}
	if out.Expires.IsZero() {
		out.Expires = time.Now().Add(time.Hour) // RFC 6749 5.1 only recommends expires_in
	}
	return out
}

// final are the codes that another try will not change (RFC 6749 5.2; the last three are Microsoft's).
var final = map[string]bool{"invalid_grant": true, "invalid_client": true, "unauthorized_client": true, "invalid_scope": true,
	"unsupported_grant_type": true, "access_denied": true, "interaction_required": true, "consent_required": true, "login_required": true}

// explain keeps of a failure what holds no secret: a provider may repeat what it was sent.
func explain(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		kind, status := ErrUnavailable, 0
		if refused.Response != nil {
			status = refused.Response.StatusCode
		}
		if final[refused.ErrorCode] {
			kind = ErrSignIn
		}
		return fmt.Errorf("%w (status %d %s)", kind, status, code(refused.ErrorCode))
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%w: %w", ErrUnavailable, failed.Err) // without the URL, which may hold a password
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: its answer cannot be understood", ErrUnavailable)
}

// code is an error code if it looks like one.
func code(given string) string {
	if len(given) > 60 || strings.Trim(given, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return given
}
