package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// portProblem says which flag an address came from that cannot be listened at, and what to give instead.
func portProblem(flag, address string, err error) error {
	host, _, _ := net.SplitHostPort(address)
	if host == "" {
		host = "127.0.0.1"
	}
	free := fmt.Sprintf("%s %s takes a free one", flag, net.JoinHostPort(host, "0"))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: another program listens at %s already; give another port (%s)", flag, address, free)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s: an ordinary user may not listen at %s; give a port above 1023 (%s)", flag, address, free)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: this machine has no address %s; give 127.0.0.1 or one that it has", flag, host)
	}
	var failed *net.OpError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("%s: %w; give host:port (%s)", flag, err, free)
}
