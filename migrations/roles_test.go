package migrations_test

import (
	"sync"
	"testing"

	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/migrations"
)

// Tried: several desks of one cluster that are set up at once.
func TestPasswordIsSetBesideOthers(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			for range 5 {
				if err := migrations.SetPassword(t.Context(), db.OwnerURL, db.AppURL); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}
