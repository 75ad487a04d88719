package db

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// contentClasses are the SQLSTATE classes in which the server refuses the values that it was given (PostgreSQL
// manual, appendix A): 21 a row twice in one statement, 22 data exceptions, 23 constraints, 44 check options,
// 54 limits, P0 what a function of ours raised.
var contentClasses = []string{"21", "22", "23", "44", "54", "P0"}

// Trouble reports an error that tells nothing about what was to be read or written: the server is away, full,
// restarting, busy or not set up. The same will work when that has passed.
func Trouble(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return !slices.Contains(contentClasses, pg.Code[:min(2, len(pg.Code))])
	}
	return Unreachable(err)
}

// Unclear reports a Trouble that what was to be written may have caused as well: a statement that took too long
// or too much memory, and a defect of the server.
func Unclear(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "57014" || pg.Code == "53200" || pg.Code[:min(2, len(pg.Code))] == "XX")
}

// Unreachable reports that the server or the way to it is gone: whatever else is asked now will fail as well.
func Unreachable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// Class 08 is the connection; 57P01 to 57P05 a server that ends, starts or ends this session.
		return pg.Code[:min(2, len(pg.Code))] == "08" || pg.Code[:min(4, len(pg.Code))] == "57P0"
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
