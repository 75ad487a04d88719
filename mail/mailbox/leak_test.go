package mailbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// After every way to end, the library's reader must end too: a reader that
// stays holds its memory and its socket for as long as the process runs.
func TestNoReaderIsLeft(t *testing.T) {
	t.Parallel()
	email := "Subject: x\r\n\r\n" + strings.Repeat("text\r\n", 1000)
	metas := []Meta{{UID: 1, Size: int64(len(email))}, {UID: 2, Size: int64(len(email))}}
	for name, end := range map[string]func(context.Context, *Session){
		"closed at rest": func(context.Context, *Session) {},
		"closed in an email": func(ctx context.Context, s *Session) {
			_, _ = s.Fetch(ctx, metas, func(Meta, io.Reader) error { return s.Close() })
		},
		"panic in an email": func(ctx context.Context, s *Session) {
			defer func() { _ = recover() }()
			_, _ = s.Fetch(ctx, metas, func(Meta, io.Reader) error { panic("oops") })
		},
		"context ends in an email": func(ctx context.Context, s *Session) {
			ctx, cancel := context.WithCancel(ctx)
			_, _ = s.Fetch(ctx, metas, func(Meta, io.Reader) error { cancel(); return nil })
		},
		"connection cut in an email": func(ctx context.Context, s *Session) {
			_, _ = s.Fetch(ctx, []Meta{{UID: 3, Size: int64(len(email))}}, func(_ Meta, body io.Reader) error {
				_, err := io.ReadAll(body)
				return err
			})
		},
		"error in an email": func(ctx context.Context, s *Session) {
			_, _ = s.Fetch(ctx, metas, func(Meta, io.Reader) error { return io.ErrShortBuffer })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			s := dialOneEmail(ctx, t, email)
			end(ctx, s)
			if err := s.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			select {
			case <-s.client.Closed():
			case <-ctx.Done():
				t.Fatal("the reader is still there")
			}
		})
	}
}

// dialOneEmail dials a server that accepts every command and sends this email
// as those with UID 1 and 2, and a part of it as UID 3.
func dialOneEmail(ctx context.Context, t *testing.T, email string) *Session {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		answerAll(conn, email)
	}()
	s, err := Dial(ctx, Account{
		Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Security: SecurityNone, Username: "u", Password: "p",
	}, Timeouts{})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return s
}

func answerAll(conn net.Conn, email string) {
	_, _ = io.WriteString(conn, "* OK [CAPABILITY IMAP4rev1] x\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		tag, command, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(command, "UID FETCH 3 ") {
			_, _ = fmt.Fprintf(conn, "* 3 FETCH (UID 3 BODY[] {%d}\r\nhalf", len(email))
			return
		}
		if strings.Contains(command, "BODY.PEEK[]") {
			for uid := 1; uid <= 2; uid++ {
				_, _ = fmt.Fprintf(conn, "* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n", uid, uid, len(email), email)
			}
		}
		_, _ = fmt.Fprintf(conn, "%s OK done\r\n", tag)
	}
}
