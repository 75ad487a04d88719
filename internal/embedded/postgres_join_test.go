package embedded

import (
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Tried: a second process in the folder of a running server, and a folder without one.
func TestJoinPostgresFindsTheRunningServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := JoinPostgres(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("joining an empty folder: %v, want that nothing is there", err)
	}
	pg, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Stop(t.Context()) })
	joined, err := JoinPostgres(dir)
	if err != nil {
		t.Fatal(err)
	}
	if joined.AppURL != pg.AppURL || joined.OwnerURL != pg.OwnerURL || joined.SuperURL != pg.SuperURL {
		t.Error("the URLs differ from those of whoever started the server")
	}
	conn, err := pgx.Connect(t.Context(), joined.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}
