package testdb

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		b.Run("x", func(b *testing.B) { New(b) })
	}
}

func TestNew(t *testing.T) {
	for range 20 {
		t.Run("x", func(t *testing.T) { t.Parallel(); connect(t, New(t).OwnerURL) })
	}
}
