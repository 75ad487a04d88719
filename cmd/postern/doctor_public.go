package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
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
	response, body, err := fetch(ctx, base+"/healthz")
	remedy := "start the desk (postern serve), and let the proxy and DNS lead " + base + " to " + d.set.Listen
	switch {
	case err != nil:
		d.fail(name, err.Error(), remedy)
		return
	case response.StatusCode != http.StatusOK || !strings.Contains(body, `"status":"ok"`) || response.Header.Get("X-Request-Id") == "":
		d.fail(name, fmt.Sprintf("%s answers %s, but not as a desk does", base, response.Status), remedy)
		return
	case strings.HasPrefix(base, "http://"):
		d.warn(name, base+" answers, on this machine only", "set an https:// address once others should reach the desk")
	default:
		d.ok(name, base+" answers")
	}
	// A Date has whole seconds (RFC 9110 section 5.6.7).
	if said, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		d.checkClock("clock at the public URL", said, before.Add(-time.Second), time.Now())
	}
}

func fetch(ctx context.Context, url string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return response, string(body), err
}
