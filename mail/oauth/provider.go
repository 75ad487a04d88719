package oauth

import (
	"errors"
	"net"
	"net/url"
)

// Google is Gmail and Google Workspace, for a person's mailbox. Google gives no device code for this scope.
func Google() Client {
	return Client{TokenURL: "https://oauth2.googleapis.com/token", AuthURL: "https://accounts.google.com/o/oauth2/v2/auth",
		Scopes: []string{"https://mail.google.com/"}}
}

// Microsoft is Microsoft 365. tenant is the directory's id or domain.
func Microsoft(tenant string, application bool) Client {
	base := "https://login.microsoftonline.com/" + url.PathEscape(tenant) + "/oauth2/v2.0/"
	c := Client{TokenURL: base + "token", Application: application}
	if application {
		c.Scopes = []string{"https://outlook.office365.com/.default"}
		return c
	}
	c.AuthURL, c.DeviceURL = base+"authorize", base+"devicecode"
	c.Scopes = []string{"https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access"}
	return c
}

// CheckURL refuses an endpoint over which a secret would travel in the clear.
func CheckURL(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("an endpoint is an https:// URL")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return errors.New("an endpoint is an https:// URL (http:// on loopback only)")
	}
	return nil
}
