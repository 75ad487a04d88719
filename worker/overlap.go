package worker

import (
	"context"
	"time"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/mailbox"
)

// The emails just below the cursor are compared with the ledger again: a server that takes in emails beside
// one another may show UID 103 before 102, and one that was restored from a backup may have given UIDs out
// a second time.
const (
	// overlap is how many UIDs are compared whenever something new is read, wideOverlap where nothing is.
	overlap     = 50
	wideOverlap = 1000
	// lookAgain is when a folder that nothing new came to is compared for the first time; the pauses double.
	lookAgain = 10 * time.Second
)

// glance is how a folder stood when it was last read to its end over the connection that is still open.
type glance struct {
	opened      mailbox.Folder
	generation  int
	cursor      int64
	examined    time.Time // when the server was made to open the folder anew
	compared    time.Time
	lastArrival time.Time // or when the connection was opened
}

// holds reports whether there is nothing to read: the server says what it said, nobody else has read on,
// and the emails below the cursor were compared recently enough.
func (g glance) holds(opened mailbox.Folder, f mailboxes.Folder, now time.Time) bool {
	return g.opened == opened && g.generation == f.Generation && g.cursor == f.LastUID && now.Before(g.due())
}

// examineAgain is how long a server is believed that reports no change of an open folder: opening it costs the more
// the fuller it is, but tells also what a server has forgotten to report. After a notice it is opened at once.
const examineAgain = 5 * time.Minute

func (g glance) believes(now time.Time) bool { return now.Before(g.examined.Add(examineAgain)) }

// due is when the emails below the cursor are compared although the server reports no change: a late one
// may have come while another was removed. The longer the folder has been silent, the rarer.
func (g glance) due() time.Time {
	return g.compared.Add(max(lookAgain, g.compared.Sub(g.lastArrival)))
}

// from is the UID that a listing begins at.
func (r *folderReader) from(opened mailbox.Folder) uint32 {
	width := int64(wideOverlap)
	if _, kept := r.hole.glances[r.folder.ID]; kept && int64(opened.UIDNext) > r.folder.LastUID+1 {
		width = overlap
	}
	return uint32(max(1, r.folder.LastUID-width+1))
}

// compare divides a listing: what is there to accept, below the cursor and above it.
func (r *folderReader) compare(ctx context.Context, listed []mailbox.Meta) (reused bool, unread []mailbox.Meta, err error) {
	var known []inbox.Known
	for _, m := range listed {
		if int64(m.UID) <= r.folder.LastUID {
			known = append(known, inbox.Known{UID: int64(m.UID), InternalDate: m.InternalDate})
		}
	}
	if len(known) == 0 {
		return false, listed, nil
	}
	reused, late, err := r.post.deps.Inbox.Compare(ctx, r.folder, known)
	if err != nil || reused {
		return reused, nil, err
	}
	below := map[int64]bool{}
	for _, uid := range late {
		below[uid] = true
	}
	for _, m := range listed {
		if int64(m.UID) > r.folder.LastUID || below[int64(m.UID)] {
			unread = append(unread, m)
		}
	}
	if len(late) > 0 {
		r.post.deps.Log.Info("emails appeared below the cursor", "mailbox", r.box.ID, "folder", r.folder.ID, "emails", len(late))
	}
	return false, unread, nil
}

// remember keeps how the folder stands now that it was read to its end.
func (r *folderReader) remember(opened mailbox.Folder) {
	if r.hole.glances == nil {
		r.hole.glances = map[int64]glance{}
	}
	now := time.Now()
	g := glance{opened: opened, generation: r.folder.Generation, cursor: r.folder.LastUID, examined: r.examined, compared: now, lastArrival: now}
	if before, kept := r.hole.glances[r.folder.ID]; kept && !r.accepted {
		g.lastArrival = before.lastArrival
	}
	r.hole.glances[r.folder.ID] = g
}
