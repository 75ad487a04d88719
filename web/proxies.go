package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// What a reverse proxy says of the request that it passes on.
const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
)

// forwarded puts the caller's address in the place of a trusted proxy's. From anybody else the headers are
// taken away: whoever believed them would let callers choose their own address.
func forwarded(proxies []netip.Prefix) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peer, ok := addressOf(r.RemoteAddr)
			if !ok || !contains(proxies, peer) {
				r.Header.Del(forwardedFor)
				r.Header.Del(forwardedProto)
				next.ServeHTTP(w, r)
				return
			}
			if caller := callerBehind(proxies, peer, r.Header.Values(forwardedFor)); caller != peer {
				r.RemoteAddr = net.JoinHostPort(caller.String(), "0")
			}
			next.ServeHTTP(w, r)
		})
	}
}

// callerBehind reads the list from its end, where the nearest proxy wrote: each address was written by the one
// after it, so the first that is no proxy of ours is the last that can be believed.
func callerBehind(proxies []netip.Prefix, peer netip.Addr, lists []string) netip.Addr {
	caller := peer
	for _, said := range slices.Backward(strings.Split(strings.Join(lists, ","), ",")) {
		address, ok := addressOf(strings.TrimSpace(said))
		if !ok {
			return caller
		}
		if caller = address; !contains(proxies, caller) {
			return caller
		}
	}
	return caller
}

// addressOf reads an address with or without a port: some proxies write one.
func addressOf(s string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}

func contains(networks []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}
