package inbox_test

import (
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
)

// Tried: the folder begins anew while the list of what is to be moved is made. The old UIDs are other people's
// emails now: none of them may be on it.
func TestUIDsFromBeforeARestartAreNotTidied(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	after, folder := mailboxes.AfterMove, "Done"
	_, err := d.boxes.Update(t.Context(), staffActor(), d.box.ID, d.box.Version, mailboxes.Fields{After: &after, AfterFolder: &folder})
	must(t, err)
	ids := d.accept(t, email{from: "ann@client.example", subject: "1", id: unique(), body: "x"},
		email{from: "ann@client.example", subject: "2", id: unique(), body: "x"})
	d.ingest(t, ids...)
	listed, err := d.inbox.Untidied(t.Context(), d.box.ID)
	if err != nil || len(listed) != 1 || len(listed[0].UIDs) != 2 || len(listed[0].Dates) != 2 || listed[0].Dates[0].IsZero() {
		t.Fatalf("before: %+v, %v", listed, err)
	}
	// The first statement of the list waits for this row, and the restart comes in between.
	d.exec(t, "update inbound_emails set disposition = 'quarantined' where uid = 1")
	holder, err := d.look.Begin(t.Context())
	must(t, err)
	_, err = holder.Exec(t.Context(), "select from inbound_emails where uid = 1 for update")
	must(t, err)
	got := make(chan []inbox.Untidied)
	go func() {
		u, err := d.inbox.Untidied(t.Context(), d.box.ID)
		if err != nil {
			t.Error(err)
		}
		got <- u
	}()
	d.waitForBlocked(t, 1)
	_, err = d.inbox.Restart(t.Context(), d.folder, inbox.Seen{UIDValidity: d.folder.UIDValidity + 1, UIDNext: 100})
	must(t, err)
	must(t, holder.Commit(t.Context()))
	select {
	case u := <-got:
		if len(u) != 0 {
			t.Errorf("to be moved: %+v", u)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the list did not come")
	}
}
