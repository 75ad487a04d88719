package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Tried: errors of the server, of the connection, of the caller's time, and of none of them.
func TestTroubleTellsTheServerFromTheValues(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return fmt.Errorf("write: %w", &pgconn.PgError{Code: code}) }
	for what, c := range map[string]struct {
		err                  error
		trouble, unreachable bool
	}{
		"a value too long":         {state("22001"), false, false},
		"a constraint":             {state("23505"), false, false},
		"a limit":                  {state("54000"), false, false},
		"raised by a trigger":      {state("P0001"), false, false},
		"a full disk":              {state("53100"), true, false},
		"a missing table":          {state("42P01"), true, false},
		"a statement given up":     {state("57014"), true, false},
		"a lost deadlock":          {state("40P01"), true, false},
		"a session ended":          {state("57P01"), true, true},
		"a server that starts":     {state("57P03"), true, true},
		"a broken connection":      {state("08006"), true, true},
		"no code at all":           {state(""), true, false},
		"nobody listens":           {fmt.Errorf("begin: %w", &pgconn.ConnectError{}), true, true},
		"a connection reset":       {&net.OpError{Op: "read", Err: errors.New("reset")}, true, true},
		"an end in the middle":     {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true, true},
		"a connection used up":     {fmt.Errorf("query: %w", pgconn.ErrConnClosed), true, true},
		"silence":                  {fmt.Errorf("%w: %w", ErrSilent, context.DeadlineExceeded), true, true},
		"the end of the job":       {context.Canceled, true, true},
		"a defect of ours in code": {errors.New("no such kind"), false, false},
	} {
		if got := Trouble(c.err); got != c.trouble {
			t.Errorf("%s: trouble %t", what, got)
		}
		if got := Unreachable(c.err); got != c.unreachable {
			t.Errorf("%s: unreachable %t", what, got)
		}
	}
}
