package worker

import (
	"testing"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/mailbox"
)

// Tried: every single thing that may differ between two polls over one connection.
func TestGlanceHoldsWhileNothingDiffers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	opened := mailbox.Folder{Name: "INBOX", UIDValidity: 7, UIDNext: 104, Messages: 3}
	folder := mailboxes.Folder{Generation: 1, LastUID: 103}
	g := glance{opened: opened, generation: 1, cursor: 103, compared: now, lastArrival: now}
	if !g.holds(opened, folder, now.Add(time.Second)) {
		t.Error("an unchanged folder is read again")
	}
	for name, change := range map[string]func(*mailbox.Folder, *mailboxes.Folder, *time.Time){
		"one more, UIDNEXT as it was": func(o *mailbox.Folder, _ *mailboxes.Folder, _ *time.Time) { o.Messages++ },
		"one less":                    func(o *mailbox.Folder, _ *mailboxes.Folder, _ *time.Time) { o.Messages-- },
		"UIDNEXT":                     func(o *mailbox.Folder, _ *mailboxes.Folder, _ *time.Time) { o.UIDNext++ },
		"UIDVALIDITY":                 func(o *mailbox.Folder, _ *mailboxes.Folder, _ *time.Time) { o.UIDValidity++ },
		"another process read on":     func(_ *mailbox.Folder, f *mailboxes.Folder, _ *time.Time) { f.LastUID++ },
		"another generation":          func(_ *mailbox.Folder, f *mailboxes.Folder, _ *time.Time) { f.Generation++ },
		"time":                        func(_ *mailbox.Folder, _ *mailboxes.Folder, at *time.Time) { *at = at.Add(lookAgain) },
	} {
		o, f, at := opened, folder, now
		if change(&o, &f, &at); g.holds(o, f, at) {
			t.Errorf("%s: the folder is left alone", name)
		}
	}
}

// A silent folder is compared 10 seconds after the last arrival, then whenever the silence has doubled: 13
// times in a day.
func TestComparisonsOfASilentFolderGrowRare(t *testing.T) {
	t.Parallel()
	began := time.Now()
	g, n := glance{compared: began, lastArrival: began}, 0
	for last := began; g.due().Sub(began) < 24*time.Hour; n++ {
		if n == 0 && g.due().Sub(began) != lookAgain {
			t.Errorf("the first is after %s", g.due().Sub(began))
		}
		g.compared = g.due()
		if g.compared.Sub(last) < lookAgain {
			t.Fatalf("comparison %d is %s after the one before", n, g.compared.Sub(last))
		}
		last = g.compared
	}
	if n < 12 || n > 15 {
		t.Errorf("%d comparisons in a day", n)
	}
}

// A server that reports no change is believed for five minutes from the last opening, and not at all where the
// folder was never opened.
func TestServersAreNotBelievedForEver(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := glance{examined: now}
	if !g.believes(now.Add(examineAgain - time.Second)) {
		t.Error("a folder is opened again although that was a moment ago")
	}
	if g.believes(now.Add(examineAgain)) || (glance{}).believes(now) {
		t.Error("a server is believed for too long")
	}
}
