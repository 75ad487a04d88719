package inbox_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/inbox"
)

// UIDs below the cursor are given out a second time when one of them came at another time; those that the
// ledger does not have are late.
func TestCompareWithTheLedger(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.accept(t, email{from: "ann@client.example", id: unique(), body: "x"}, email{from: "ann@client.example", id: unique(), body: "y"})
	same := []inbox.Known{{UID: 1, InternalDate: noon.Add(time.Second)}, {UID: 2, InternalDate: noon.Add(2 * time.Second).In(time.FixedZone("", 3600))}}
	stranger := inbox.Known{UID: 99, InternalDate: noon}
	for name, c := range map[string]struct {
		there  []inbox.Known
		reused bool
		late   []int64
	}{
		"as they were":         {same, false, nil},
		"one was deleted":      {same[1:], false, nil},
		"none left":            {nil, false, nil},
		"another email":        {[]inbox.Known{same[0], {UID: 2, InternalDate: noon.Add(time.Hour)}}, true, nil},
		"not known to us":      {[]inbox.Known{stranger}, false, []int64{99}},
		"some are not known":   {[]inbox.Known{stranger, same[1], {UID: 50, InternalDate: noon}}, false, []int64{50, 99}},
		"another and a late":   {[]inbox.Known{{UID: 2, InternalDate: noon}, stranger}, true, []int64{99}},
		"at the very same UID": {append(slices.Clone(same), same...), false, nil},
	} {
		reused, late, err := d.inbox.Compare(t.Context(), d.folder, c.there)
		if err != nil || reused != c.reused || len(late)+len(c.late) > 0 && !slices.Equal(late, c.late) {
			t.Errorf("%s: reused %t, late %v, %v; want %t, %v", name, reused, late, err, c.reused, c.late)
		}
	}
	elsewhere := d.folder
	elsewhere.Generation++
	if reused, late, err := d.inbox.Compare(t.Context(), elsewhere, same); err != nil || reused || !slices.Equal(late, []int64{1, 2}) {
		t.Errorf("another generation has UIDs of its own: reused %t, late %v, %v", reused, late, err)
	}
}

// Two readers that find the same late email accept it once, and the cursor stays where it was.
func TestLateEmailIsAcceptedOnceAndTheCursorStays(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.accept(t, email{from: "ann@client.example", id: unique(), body: "x"})
	d.exec(t, "update mailbox_folders set last_uid = 9")
	d.folder.LastUID = 9
	late := email{from: "ann@client.example", id: unique(), body: "late"}
	for range 2 {
		spool, err := blob.NewSpool(strings.NewReader(late.raw()))
		if err != nil {
			t.Fatal(err)
		}
		defer spool.Close()
		arrivals := []inbox.Arrival{{UID: 5, Size: spool.Size(), InternalDate: noon, Bytes: spool}}
		if err := d.inbox.Accept(t.Context(), d.folder, arrivals, 5); err != nil {
			t.Fatal(err)
		}
	}
	if at := column[int64](t, d, "select last_uid from mailbox_folders"); at[0] != 9 {
		t.Errorf("the cursor went back to %d", at[0])
	}
	if rows := column[int64](t, d, "select uid from inbound_emails order by id"); !slices.Equal(rows, []int64{1, 5}) {
		t.Errorf("the ledger has UIDs %v; want 1 and 5 once", rows)
	}
	if jobs := column[int64](t, d, "select count(*) from river_job where kind = 'ingest_emails'"); jobs[0] != 2 {
		t.Errorf("%d jobs; the second reader has nothing to queue", jobs[0])
	}
}
