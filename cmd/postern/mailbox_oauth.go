package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/oauth"
	"github.com/postern-desk/postern/worker"
)

// mailboxOAuth is how a mailbox without a password signs in.
type mailboxOAuth struct {
	Auth                  string   `enum:"password,oauth2" default:"password" help:"How to log in: password or oauth2. [default password]"`
	OAuthProvider         string   `name:"oauth-provider" enum:"google,microsoft,custom," default:"" help:"google, microsoft or custom."`
	OAuthClientID         string   `name:"oauth-client-id" placeholder:"ID" help:"Of the app that is registered at the provider."`
	OAuthClientSecretFile string   `name:"oauth-client-secret-file" placeholder:"FILE" help:"Holds the app's secret, if it has one."`
	OAuthTenant           string   `name:"oauth-tenant" placeholder:"ID" help:"Microsoft: the directory's id or domain."`
	OAuthApplication      bool     `name:"oauth-application" help:"The app itself may read the mailbox (client credentials); nobody signs in."`
	OAuthTokenURL         string   `name:"oauth-token-url" placeholder:"URL" help:"Custom: the token endpoint."`
	OAuthAuthURL          string   `name:"oauth-auth-url" placeholder:"URL" help:"Custom: where people sign in with a browser."`
	OAuthDeviceURL        string   `name:"oauth-device-url" placeholder:"URL" help:"Custom: the device authorization endpoint."`
	OAuthScope            []string `name:"oauth-scope" placeholder:"SCOPE" help:"Custom: what to ask for; may be repeated."`
}

// oauth is nil where the mailbox has a password.
func (o mailboxOAuth) oauth() (*mailboxes.OAuth, string, error) {
	if o.Auth != "oauth2" {
		return nil, "", nil
	}
	var c oauth.Client
	switch o.OAuthProvider {
	case "google":
		if c = oauth.Google(); o.OAuthApplication {
			return nil, "", errors.New("--oauth-application: Google lets no app into a mailbox this way; leave it out and sign in")
		}
	case "microsoft":
		if o.OAuthTenant == "" {
			return nil, "", errors.New("--oauth-tenant: name the directory's id or domain, such as contoso.example")
		}
		c = oauth.Microsoft(o.OAuthTenant, o.OAuthApplication)
	case "custom":
		c = oauth.Client{TokenURL: o.OAuthTokenURL, AuthURL: o.OAuthAuthURL, DeviceURL: o.OAuthDeviceURL, Scopes: o.OAuthScope, Application: o.OAuthApplication}
		if !c.Application && c.AuthURL == "" && c.DeviceURL == "" {
			return nil, "", errors.New("--oauth-auth-url or --oauth-device-url: name where people sign in, or set --oauth-application")
		}
	default:
		return nil, "", errors.New("--oauth-provider: name google, microsoft or custom")
	}
	for _, endpoint := range []string{c.TokenURL, c.AuthURL, c.DeviceURL} {
		if err := oauth.CheckURL(endpoint); err != nil && (endpoint != "" || c.TokenURL == "") {
			return nil, "", fmt.Errorf("%q: %w", endpoint, err)
		}
	}
	if o.OAuthClientID == "" {
		return nil, "", errors.New("--oauth-client-id: name the app that is registered at the provider")
	}
	secret, err := o.clientSecret()
	return &mailboxes.OAuth{Provider: o.OAuthProvider, ClientID: o.OAuthClientID, TokenURL: c.TokenURL, AuthURL: c.AuthURL,
		DeviceURL: c.DeviceURL, Scopes: c.Scopes, Application: c.Application}, secret, err
}

func (o mailboxOAuth) clientSecret() (string, error) {
	secret, err := secretIn("--oauth-client-secret-file", o.OAuthClientSecretFile)
	if err != nil || secret == nil {
		return "", err
	}
	return *secret, nil
}

// secretIn reads a secret from a file; nil: no file was named.
func secretIn(flag, path string) (*string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return nil, fmt.Errorf("%s: %s is empty", flag, path)
	}
	return &secret, nil
}

// mailboxOAuthSecrets are the secrets of a mailbox that signs in, given anew.
type mailboxOAuthSecrets struct {
	OAuthClientSecretFile string `name:"oauth-client-secret-file" placeholder:"FILE" help:"Holds the app's new secret."`
	OAuthRefreshTokenFile string `name:"oauth-refresh-token-file" placeholder:"FILE" help:"Holds a refresh token that was got elsewhere, in the place of postern mailbox authorize."`
}

func (o mailboxOAuthSecrets) fill(f *mailboxes.Fields) (err error) {
	if f.ClientSecret, err = secretIn("--oauth-client-secret-file", o.OAuthClientSecretFile); err != nil {
		return err
	}
	f.RefreshToken, err = secretIn("--oauth-refresh-token-file", o.OAuthRefreshTokenFile)
	return err
}

type mailboxAuthorizeCmd struct {
	config.Storage `group:"Storage"`
	Mailbox        string `arg:"" help:"Its address or id."`
	Port           int    `help:"Where the browser comes back to on this machine; any free port if 0."`
}

// signInWithin is how long a person may take.
const signInWithin = 15 * time.Minute

// Run lets somebody sign in, by a code where the provider has those, else with a browser on this machine.
func (c *mailboxAuthorizeCmd) Run(ctx context.Context, s streams) error {
	ctx, cancel := context.WithTimeout(ctx, signInWithin)
	defer cancel()
	st, err := joinStore(ctx, c.Storage)
	if err != nil {
		return err
	}
	return errors.Join(c.signIn(ctx, s, mailboxes.New(st.db, st.vault)), st.close(context.WithoutCancel(ctx)))
}

func (c *mailboxAuthorizeCmd) signIn(ctx context.Context, s streams, service *mailboxes.Service) error {
	m, err := findMailbox(ctx, service, c.Mailbox)
	if err != nil {
		return err
	}
	if m.OAuth == nil || m.OAuth.Application {
		return fmt.Errorf("nobody signs in for %s: see how it was added", m.Address)
	}
	secrets, err := service.Secrets(ctx, m.ID)
	if err != nil {
		return err
	}
	refresh, err := c.ask(ctx, s, m, worker.OAuthClient(m, secrets))
	if err != nil {
		return err
	}
	if err := service.Authorize(ctx, cliActor(), m.ID, refresh); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "signed in; try: postern mailbox check %s\n", m.Address)
	return nil
}

func (c *mailboxAuthorizeCmd) ask(ctx context.Context, s streams, m mailboxes.Mailbox, client oauth.Client) (string, error) {
	if client.DeviceURL != "" {
		return client.AuthorizeDevice(ctx, func(where, code string) {
			fmt.Fprintf(s.out, "On any device, open %s\nand type in the code %s. Sign in as %s.\n", where, code, m.Address)
		})
	}
	listen, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", c.Port))
	if err != nil {
		return "", fmt.Errorf("--port: %w", err)
	}
	return client.AuthorizeBrowser(ctx, listen, m.Address, func(where string) {
		fmt.Fprintf(s.out, "With a browser on this machine (from elsewhere: ssh -L %[2]d:127.0.0.1:%[2]d), open\n%[1]s\n", where, listen.Addr().(*net.TCPAddr).Port)
	})
}
