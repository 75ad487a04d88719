package inbox_test

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/fault"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
)

func ids(rows []inbox.Email) (out []int64) {
	for _, row := range rows {
		out = append(out, row.ID)
	}
	return out
}

// Every filter by itself and all of them together, and pages that neither repeat nor miss a row.
func TestLedgerLists(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	e := d.accept(t,
		email{from: "ann@client.example", subject: "a", id: unique(), body: "x"},
		email{from: "ann@client.example", subject: "b", id: unique(), extra: "Auto-Submitted: auto-replied\r\n", body: "y"},
		email{from: "ann@client.example", subject: "c", id: unique(), body: "z"})
	d.ingest(t, e[0], e[1])
	ticket := d.expect(t, e[0], inbox.Opened).TicketID.UUID
	now := time.Now()
	for name, c := range map[string]struct {
		filter inbox.Filter
		want   []int64
	}{
		"all, newest first": {inbox.Filter{}, []int64{e[2], e[1], e[0]}},
		"a disposition":     {inbox.Filter{Disposition: inbox.AutoReply}, []int64{e[1]}},
		"not routed yet":    {inbox.Filter{Pending: true}, []int64{e[2]}},
		"of a ticket":       {inbox.Filter{TicketID: ticket}, []int64{e[0]}},
		"of a mailbox":      {inbox.Filter{MailboxID: d.box.ID}, []int64{e[2], e[1], e[0]}},
		"of another one":    {inbox.Filter{MailboxID: uuid.New()}, nil},
		"before now":        {inbox.Filter{To: now.Add(time.Hour)}, []int64{e[2], e[1], e[0]}},
		"after now":         {inbox.Filter{From: now.Add(time.Hour)}, nil},
		"everything at once": {inbox.Filter{Disposition: inbox.Opened, MailboxID: d.box.ID, TicketID: ticket, From: now.Add(-time.Hour), To: now.Add(time.Hour)},
			[]int64{e[0]}},
	} {
		got, err := d.inbox.List(t.Context(), staffActor(), c.filter, 0, 10)
		if err != nil || !slices.Equal(ids(got), c.want) {
			t.Errorf("%s: %v, %v; want %v", name, ids(got), err, c.want)
		}
	}
	first, err := d.inbox.List(t.Context(), staffActor(), inbox.Filter{}, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.inbox.List(t.Context(), staffActor(), inbox.Filter{}, first[1].ID, 2)
	if err != nil || !slices.Equal(append(ids(first), ids(second)...), []int64{e[2], e[1], e[0]}) {
		t.Errorf("two pages: %v and %v, %v", ids(first), ids(second), err)
	}
}

// The original is there byte for byte until it is purged; the row stays.
func TestRawIsTheOriginalUntilItIsPurged(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	original := email{from: "ann@client.example", subject: "caf\xe9", id: unique(), body: "\x00\xff\r\nend"}
	id := d.accept(t, original)[0]
	d.ingest(t, id)
	r, size, err := d.inbox.Raw(t.Context(), staffActor(), id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != original.raw() || size != int64(len(got)) {
		t.Errorf("%q with size %d, %v; want %q", got, size, err, original.raw())
	}
	if n, err := d.inbox.PurgeRaw(t.Context(), 365, 100); err != nil || n != 0 {
		t.Errorf("purged %d, %v; nothing is a year old", n, err)
	}
	d.exec(t, "update inbound_emails set processed_at = now() - interval '366 days'")
	if n, err := d.inbox.PurgeRaw(t.Context(), 365, 100); err != nil || n != 1 {
		t.Errorf("purged %d, %v; want 1", n, err)
	}
	_, _, err = d.inbox.Raw(t.Context(), staffActor(), id)
	if f := fault.As(err); f == nil || f.Kind != fault.NotFound {
		t.Errorf("the original after the purge: %v", err)
	}
	d.expect(t, id, inbox.Opened)
	_, err = d.inbox.Get(t.Context(), staffActor(), id+1)
	if f := fault.As(err); f == nil || f.Kind != fault.NotFound {
		t.Errorf("a row that there is not: %v", err)
	}
}

// Emails that nobody has touched for minutes are queued again, those with a job are not.
func TestSweepFindsOnlyTheForgotten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.accept(t, email{from: "ann@client.example", id: unique(), body: "has a job"})
	lost := d.accept(t, email{from: "ann@client.example", id: unique(), body: "lost its job"})
	d.exec(t, "update inbound_emails set accepted_at = now() - interval '3 minutes'")
	d.exec(t, "delete from river_job where args -> 'email_ids' @> '[2]'")
	fresh := d.accept(t, email{from: "ann@client.example", id: unique(), body: "just came"})
	d.exec(t, "delete from river_job where args -> 'email_ids' @> '[3]'")
	if n, err := d.inbox.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("swept %d, %v; want only email %d, not %d", n, err, lost[0], fresh[0])
	}
	if n, err := d.inbox.Sweep(t.Context()); err != nil || n != 0 {
		t.Errorf("swept %d a second time, %v", n, err)
	}
}

func TestPlanReadsOnOrFromTheBeginning(t *testing.T) {
	t.Parallel()
	at := mailboxes.Folder{UIDValidity: 7, LastUID: 100}
	for name, c := range map[string]struct {
		folder  mailboxes.Folder
		seen    inbox.Seen
		restart bool
	}{
		"never read":                   {mailboxes.Folder{}, inbox.Seen{UIDValidity: 7, UIDNext: 5}, true},
		"nothing new":                  {at, inbox.Seen{UIDValidity: 7, UIDNext: 101}, false},
		"new email":                    {at, inbox.Seen{UIDValidity: 7, UIDNext: 150}, false},
		"emptied, which keeps UIDNEXT": {at, inbox.Seen{UIDValidity: 7, UIDNext: 101}, false},
		"another UIDVALIDITY":          {at, inbox.Seen{UIDValidity: 8, UIDNext: 101}, true},
		"an older UIDVALIDITY":         {at, inbox.Seen{UIDValidity: 6, UIDNext: 101}, true},
		"UIDNEXT went back":            {at, inbox.Seen{UIDValidity: 7, UIDNext: 100}, true},
		"made anew and empty":          {at, inbox.Seen{UIDValidity: 7, UIDNext: 1}, true},
		"no UIDNEXT, last one deleted": {at, inbox.Seen{UIDValidity: 7, UIDNext: 90, Guessed: true}, false},
		"no UIDNEXT, all deleted":      {at, inbox.Seen{UIDValidity: 7, UIDNext: 1, Guessed: true}, false},
		"no UIDNEXT, new email":        {at, inbox.Seen{UIDValidity: 7, UIDNext: 102, Guessed: true}, false},
	} {
		got := inbox.Plan(c.folder, c.seen)
		if got.Restart != c.restart || !c.restart && got.After != c.folder.LastUID || c.restart && got.Why == "" {
			t.Errorf("%s: %+v, want restart %t", name, got, c.restart)
		}
	}
}
