//go:build !linux

package db

import "syscall"

// limitSilence has nothing to set here: keep-alives notice a quiet peer, and a transaction's own time bounds
// the rest.
func limitSilence(string, string, syscall.RawConn) error { return nil }
