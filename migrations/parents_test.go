package migrations_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/testdb"
)

// What rows refer to without a foreign key stays: the application can delete none of it (docs/adr/0031).
func TestTheApplicationDeletesNoParents(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	app, err := pgx.Connect(t.Context(), d.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close(t.Context())
	for _, table := range []string{"mailboxes", "mailbox_folders", "inbound_emails", "tickets", "letters"} {
		if _, err := app.Exec(t.Context(), "delete from "+table); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("delete from %s: %v, want permission denied", table, err)
		}
	}
}
