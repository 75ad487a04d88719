package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// publicPatience bounds the whole question to the public URL.
const publicPatience = 5 * time.Second

// checkPublicURL asks the desk as the outside does.
func (d *doctor) checkPublicURL(ctx context.Context) {
	const name = "public URL"
	if d.set.PublicURL == "" {
		d.warn(name, "not set: letters name "+d.set.Listen+", which works on this machine only", "set POSTERN_PUBLIC_URL, such as https://desk.example")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, publicPatience)
	defer cancel()
	base := strings.TrimRight(d.set.PublicURL, "/")
	before := time.Now()
	response, body, err := d.fetch(ctx, base+"/healthz")
	remedy := "start the desk (postern serve), and let the proxy and DNS lead " + base + " to " + d.set.Listen
	switch {
	case err != nil:
		d.blamePublicURL(err, base, remedy)
		return
	case response.StatusCode != http.StatusOK || !strings.Contains(body, `"status":"ok"`) || response.Header.Get("X-Request-Id") == "":
		d.fail(name, fmt.Sprintf("%s answers %s, but not as a desk does", base, response.Status), remedy)
		return
	case strings.HasPrefix(base, "http://"):
		d.warn(name, base+" answers, on this machine only", "set POSTERN_PUBLIC_URL to an https:// address once others should reach the desk")
	default:
		d.ok(name, base+" answers")
	}
	// A Date has whole seconds (RFC 9110 section 5.6.7).
	if said, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		d.checkClock("clock at the public URL", said, before.Add(-time.Second), time.Now())
	}
}

// blamePublicURL tells why the desk is not reached; a connection that is refused or silent has most often to do
// with what stands before it.
func (d *doctor) blamePublicURL(err error, base, remedy string) {
	at := place{rename: "set POSTERN_PUBLIC_URL to the address that leads to the desk", secure: "end TLS in a proxy before the desk"}
	if u, err := url.Parse(base); err == nil {
		at.host, at.server = u.Hostname(), u.Host
	}
	seen, other := blame(err, at)
	switch {
	case seen == "":
		seen = err.Error()
	case !strings.Contains(seen, "nothing listens") && !strings.Contains(seen, "does not answer"):
		remedy = other
	}
	d.fail("public URL", seen, remedy)
}

// fetch trusts the authorities that the mail servers' certificates may be of, too: a desk inside a house has its
// own certificate of the same.
func (d *doctor) fetch(ctx context.Context, url string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: d.roots, MinVersion: tls.VersionTLS12}}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return response, string(body), err
}
