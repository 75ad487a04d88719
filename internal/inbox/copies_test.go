package inbox_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/inbox"
)

// Tried: the first copy of an email without a Message-ID bears a spam mark and is set aside; two unmarked copies
// are routed by two processes at once. One of them opens the ticket, the other is its duplicate.
func TestOneOfTwoCopiesTakesTheMarkedOnesPlace(t *testing.T) {
	t.Parallel()
	r := rules()
	r.TicketsPerSender = 1000
	d := newDeskWith(t, r)
	other := d.start(t, d.urls.AppURL, r)
	for i := range 15 {
		fine := email{from: "ann@client.example", subject: fmt.Sprint("copy ", i), body: "x"}
		marked := fine
		marked.extra = "X-Spam-Flag: YES\r\n"
		var arrivals []inbox.Arrival
		for j, e := range []email{marked, fine, fine} {
			spool, err := blob.NewSpool(strings.NewReader(e.raw()))
			must(t, err)
			arrivals = append(arrivals, inbox.Arrival{UID: d.folder.LastUID + int64(j) + 1, Size: spool.Size(), InternalDate: noon, Bytes: spool})
		}
		must(t, d.inbox.Accept(t.Context(), d.folder, arrivals, d.folder.LastUID+3))
		ids := column[int64](t, d, "select id from inbound_emails where uid > $1 order by uid", d.folder.LastUID)
		d.folder.LastUID += 3
		d.ingest(t, ids[0])
		var both sync.WaitGroup
		for k, p := range []*process{d.process, other} {
			both.Go(func() {
				if err := p.inbox.Ingest(t.Context(), ids[k+1:k+2]); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if n := one[int](t, d, "select count(*) from tickets where subject = $1", fine.subject); n != 1 {
			t.Fatalf("round %d: %d tickets", i, n)
		}
	}
}

// A copy of an email whose ticket was merged goes where the thread went.
func TestCopyOfAMergedTicketsEmailGoesToTheOther(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := email{from: "ann@client.example", subject: "first", id: unique(), body: "x"}
	ids := d.accept(t, first, email{from: "ann@client.example", subject: "second", id: unique(), body: "y"})
	d.ingest(t, ids...)
	from, into := d.expect(t, ids[0], inbox.Opened).TicketID.UUID, d.expect(t, ids[1], inbox.Opened).TicketID.UUID
	_, err := d.tickets.Merge(t.Context(), staffActor(), from, into.String())
	must(t, err)
	// As if the merge had come between the look at the first copy's row and this one.
	d.exec(t, "update inbound_emails set ticket_id = '"+from.String()+"' where uid = 1")
	copies := d.accept(t, first)
	d.ingest(t, copies...)
	if got := d.expect(t, copies[0], inbox.Duplicate).TicketID; got != (uuid.NullUUID{UUID: into, Valid: true}) {
		t.Errorf("the copy is of ticket %v, want %v", got.UUID, into)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
