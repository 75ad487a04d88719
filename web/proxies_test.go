package web_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/postern-desk/postern/web"
)

func networks(list ...string) (out []netip.Prefix) {
	for _, n := range list {
		out = append(out, netip.MustParsePrefix(n))
	}
	return out
}

// Tried: the form over its limit, each time with another made-up X-Forwarded-For. Nobody is trusted, or others
// than the caller are: all posts count as one network's, and the log names the caller itself.
func TestForwardedHeaderOfAStrangerIsIgnored(t *testing.T) {
	t.Parallel()
	for _, proxies := range [][]netip.Prefix{nil, networks("10.0.0.0/8")} {
		d := newDesk(t, func(deps *web.Deps) { deps.TrustedProxies = proxies })
		for i, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"} {
			d.submit(typed(), "X-Forwarded-For", address).want(303)
			if i == 4 {
				d.submit(typed(), "X-Forwarded-For", "192.0.2.6").want(429)
			}
		}
		if logs := d.logs.String(); strings.Contains(logs, "192.0.2") || !strings.Contains(logs, "from=127.0.0.1") {
			t.Errorf("trusted: %v; the log says\n%s", proxies, logs)
		}
	}
}

// Tried: the same through a trusted proxy. Each caller has a limit of its own, whatever it writes in front of
// the list itself.
func TestForwardedHeaderOfATrustedProxyCounts(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(deps *web.Deps) { deps.TrustedProxies = networks("127.0.0.0/8", "10.0.0.0/8") })
	for range 5 {
		d.submit(typed(), "X-Forwarded-For", "192.0.2.1").want(303)
	}
	d.submit(typed(), "X-Forwarded-For", "192.0.2.1").want(429)
	d.submit(typed(), "X-Forwarded-For", "198.51.100.7, 192.0.2.1, 10.1.1.1").want(429)
	d.submit(typed(), "X-Forwarded-For", "192.0.2.2").want(303)
	if logs := d.logs.String(); strings.Count(logs, "from=192.0.2.1 ")+strings.Count(logs, "from=192.0.2.1\n") != 2 || strings.Contains(logs, "192.0.2.2") || strings.Contains(logs, "198.51.100.7") {
		t.Errorf("the log says\n%s", logs)
	}
}

// Over plain HTTP a browser must not be told to use HTTPS for ever; only a trusted proxy knows which it was.
func TestForwardedSchemeDecidesOnHSTS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		proxies []netip.Prefix
		scheme  string
		sent    bool
	}{
		{nil, "http", true}, {nil, "https", true},
		{networks("127.0.0.0/8"), "http", false}, {networks("127.0.0.0/8"), "https", true},
	} {
		d := newDesk(t, func(deps *web.Deps) { deps.TrustedProxies, deps.PublicURL = c.proxies, "https://desk.example" })
		a := d.do(request{method: "GET", path: "/support", key: "none", header: map[string]string{"X-Forwarded-Proto": c.scheme}})
		if got := a.header.Get("Strict-Transport-Security") != ""; got != c.sent {
			t.Errorf("trusted %v, %s: HSTS %v", c.proxies, c.scheme, got)
		}
	}
}

func TestCallerBehindProxies(t *testing.T) {
	t.Parallel()
	proxies := networks("10.0.0.0/8", "2001:db8:1::/48")
	for _, c := range []struct {
		lists []string
		want  string
	}{
		{nil, "10.0.0.1"},
		{[]string{""}, "10.0.0.1"},
		{[]string{"192.0.2.1"}, "192.0.2.1"},
		{[]string{"192.0.2.1", "198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		{[]string{"192.0.2.1,2001:db8:1::5 , 10.2.2.2"}, "192.0.2.1"},
		{[]string{"192.0.2.1:4711"}, "192.0.2.1"},
		{[]string{"[2001:db8:2::1]:4711"}, "2001:db8:2::1"},
		{[]string{"[2001:db8:2::1]"}, "2001:db8:2::1"},
		{[]string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{[]string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		{[]string{"192.0.2.1, unknown"}, "10.0.0.1"},
		{[]string{"192.0.2.1, unknown, 10.2.2.2"}, "10.2.2.2"},
		{[]string{"192.0.2.1,"}, "10.0.0.1"},
	} {
		if got := web.CallerBehind(proxies, netip.MustParseAddr("10.0.0.1"), c.lists); got.String() != c.want {
			t.Errorf("%q: %s, want %s", c.lists, got, c.want)
		}
	}
}

// FuzzForwardedFor reads lists that anybody may have begun: who writes in front of a proxy's entry gains nothing.
func FuzzForwardedFor(f *testing.F) {
	for _, list := range []string{"", "192.0.2.1", "a, b", "[::1]:1", ",,,", "10.1.1.1", "fe80::1%eth0", "1.2.3.4:99999"} {
		f.Add(list)
	}
	proxies, peer := networks("10.0.0.0/8"), netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, list string) {
		if got := web.CallerBehind(proxies, peer, []string{list}); !got.IsValid() || got.Zone() != "" {
			t.Errorf("%q: %v", list, got)
		}
		if got := web.CallerBehind(proxies, peer, []string{list, "192.0.2.9, 10.1.1.1"}); got.String() != "192.0.2.9" {
			t.Errorf("%q in front gave %v", list, got)
		}
	})
}
