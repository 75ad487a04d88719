package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// dnsPatience bounds one question.
const dnsPatience = 2 * time.Second

// txtLookUp finds the TXT records of a name. No such name is an empty list.
type txtLookUp func(ctx context.Context, name string) ([]string, error)

// askDNS asks the server of the settings, or the system's resolver where there is none.
func askDNS(server netip.AddrPort) txtLookUp {
	resolver := net.DefaultResolver
	if server.IsValid() {
		resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, server.String())
		}}
	}
	return func(ctx context.Context, name string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, dnsPatience)
		defer cancel()
		found, err := resolver.LookupTXT(ctx, name+".")
		var failure *net.DNSError
		if errors.As(err, &failure) && failure.IsNotFound {
			return nil, nil
		}
		return found, err
	}
}
