package oauth

import "golang.org/x/oauth2/clientcredentials"

// application is the grant of RFC 6749 4.4: Microsoft 365 gives it to an app that an administrator has let at
// mailboxes.
func (c Client) application() *clientcredentials.Config {
	conf := c.config()
	return &clientcredentials.Config{ClientID: c.ID, ClientSecret: c.Secret, TokenURL: c.TokenURL, Scopes: c.Scopes, AuthStyle: conf.Endpoint.AuthStyle}
}
