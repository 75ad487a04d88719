package worker

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/testdb"
)

// Tried: jobs that one look finds running and in nobody's hand, as a look may that comes while a thawed process is about
// to begin one, or between the end of one and its being told. Given back, a letter would be sent by two jobs at once.
// Only what is a stray at the next look too is given back.
func TestJobThatIsAboutToBeginIsNotGivenBack(t *testing.T) {
	t.Parallel()
	test := testdb.New(t)
	d, err := db.Open(t.Context(), test.AppURL, db.Options{AppConns: 2, ClientConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	var ids []int64
	err = d.Bookkeep(t.Context(), "test", func(tx *db.Tx) (err error) {
		rows, err := tx.Query(`insert into river_job (args, kind, queue, max_attempts, attempt, state, attempted_at, attempted_by)
			select '{}', 'send_letter', 'outbound', 5, 1, 'running', now() - interval '1 minute', array['p'] from generate_series(1, 3) returning id`)
		if err == nil {
			ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	begun, ended, stray := ids[0], ids[1], ids[2]
	h := &inHand{}
	h.note(ended, true)
	h.note(ended, false)
	look := func(want int64) {
		t.Helper()
		if got, err := h.look(t.Context(), d, "p"); got != want || err != nil {
			t.Fatalf("%d jobs were given back, want %d: %v", got, want, err)
		}
	}
	look(0)
	h.note(begun, true)
	if err := d.Bookkeep(t.Context(), "test", func(tx *db.Tx) error {
		_, err := tx.Exec(`update river_job set state = 'completed', finalized_at = now() where id = $1`, ended)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	look(1)
	var back []int64
	if err := d.Bookkeep(t.Context(), "test", func(tx *db.Tx) (err error) {
		back, err = db.Column[int64](tx, `select id from river_job where state = 'available'`)
		return err
	}); err != nil || len(back) != 1 || back[0] != stray {
		t.Errorf("given back: %v, want %d: %v", back, stray, err)
	}
	look(0)
}
