package worker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/mailbox"
)

// folderReader reads one folder from its cursor on.
type folderReader struct {
	post     *postRoom
	session  *mailbox.Session
	box      mailboxes.Mailbox
	folder   mailboxes.Folder
	start    inbox.StartPoint
	hole     *pigeonhole
	examined time.Time // the opening
	accepted bool      // anything
}

// listAhead bounds how many emails are listed before they are fetched; rowsAtOnce how many ledger rows
// one commit writes where no bytes are fetched.
const (
	listAhead  = 5000
	rowsAtOnce = 1000
)

// read accepts what is above the cursor, and what appeared below it. A poll that finds nothing costs one exchange
// with the server. More tells that time ran out before the end; something is accepted all the same.
func (r *folderReader) read(ctx context.Context, until time.Time) (more bool, err error) {
	g, kept := r.hole.glances[r.folder.ID]
	if kept && !r.hole.heard && g.believes(time.Now()) {
		same, err := r.session.Unchanged(ctx, r.folder.Name)
		if err != nil || same && g.holds(g.opened, r.folder, time.Now()) {
			return false, err
		}
	}
	opened, err := r.session.Open(ctx, r.folder.Name)
	if err != nil {
		return false, err
	}
	r.examined = time.Now()
	if kept && g.holds(opened, r.folder, time.Now()) {
		g.examined = r.examined
		r.hole.glances[r.folder.ID] = g
		return false, nil
	}
	unread, complete, err := r.plan(ctx, opened)
	for err == nil {
		if more, err = r.acceptAll(ctx, unread, until); more || err != nil {
			return more, err
		}
		if complete {
			r.remember(opened)
			return false, nil
		}
		unread, complete, err = r.list(ctx, uint32(r.folder.LastUID)+1)
	}
	return false, err
}

// plan decides where to read from and lists the first emails. What the server says of the folder is not
// enough where it was restored from a backup and has taken in so much since that UIDNEXT is past the cursor
// again: the listing tells.
func (r *folderReader) plan(ctx context.Context, opened mailbox.Folder) (unread []mailbox.Meta, complete bool, err error) {
	seen := inbox.Seen{UIDValidity: int64(opened.UIDValidity), UIDNext: int64(opened.UIDNext), Guessed: opened.Guessed}
	scan := inbox.Plan(r.folder, seen)
	if !scan.Restart {
		listed, complete, err := r.list(ctx, r.from(opened))
		if err != nil {
			return nil, false, err
		}
		reused, unread, err := r.compare(ctx, listed)
		if !reused {
			r.start = inbox.StartOf(r.box, r.folder)
			return unread, complete, err
		}
		scan = inbox.Scan{Restart: true, Why: "the server gave UIDs out a second time"}
	}
	r.post.deps.Log.Info("a folder is read from its beginning", "mailbox", r.box.ID, "folder", r.folder.ID, "why", scan.Why)
	if r.folder, err = r.post.deps.Inbox.Restart(ctx, r.folder, seen); err != nil {
		return nil, false, err
	}
	r.hole.received(r.folder.ID)
	r.start = inbox.StartOf(r.box, r.folder)
	return r.list(ctx, 1)
}

var errEnough = errors.New("enough for now")

// list returns the first emails from a UID on; complete tells that there are no others.
func (r *folderReader) list(ctx context.Context, from uint32) (metas []mailbox.Meta, complete bool, err error) {
	err = r.session.List(ctx, from, 0, func(m mailbox.Meta) error {
		m.Size = max(m.Size, r.hole.refused[refusedEmail{r.folder.ID, m.UID}].size)
		if metas = append(metas, m); len(metas) == listAhead {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return metas, false, nil
	}
	return metas, true, err
}

// acceptAll takes the emails in rising UID order, in batches that are bounded in number and in bytes.
func (r *folderReader) acceptAll(ctx context.Context, metas []mailbox.Meta, until time.Time) (more bool, err error) {
	for len(metas) > 0 {
		if r.accepted && time.Now().After(until) {
			return true, nil
		}
		n := r.batch(metas)
		if err := r.acceptBatch(ctx, metas[:n]); err != nil {
			return false, err
		}
		r.accepted, metas = true, metas[n:]
	}
	return false, nil
}

// batch is how many of the emails one commit takes.
func (r *folderReader) batch(metas []mailbox.Meta) int {
	n, fetched, size := 0, 0, int64(0)
	for n < len(metas) && n < rowsAtOnce {
		if n > 0 && r.hole.singly {
			break
		}
		if m := metas[n]; r.wanted(m) {
			if fetched > 0 && (fetched == r.post.set.BatchMessages || size+m.Size > r.post.set.BatchBytes) {
				break
			}
			fetched, size = fetched+1, size+m.Size
		}
		n++
	}
	return n
}

func (r *folderReader) before(m mailbox.Meta) bool {
	return r.start.Before(int64(m.UID), m.InternalDate)
}

func (r *folderReader) wanted(m mailbox.Meta) bool {
	return !r.before(m) && m.Size <= r.post.set.MaxEmailBytes
}

func (r *folderReader) acceptBatch(ctx context.Context, metas []mailbox.Meta) error {
	arrivals, err := r.gather(ctx, metas)
	defer func() { closeAll(arrivals) }()
	if ofEmail(err) && len(metas) > 1 {
		// Which email it was is not known, and the connection may be spent.
		r.hole.singly = true
		return errors.Join(errSingly, err)
	}
	if ofEmail(err) && r.hole.refuse(refusedEmail{r.folder.ID, metas[0].UID}, err, time.Now()) {
		r.post.deps.Log.Error("an email that the mail server does not send is given up", "mailbox", r.box.ID, "uid", metas[0].UID, "error", err)
		closeAll(arrivals)
		arrivals, err = []inbox.Arrival{givenUp(metas[0])}, nil
	}
	if err != nil {
		return err
	}
	slices.SortFunc(arrivals, func(a, b inbox.Arrival) int { return int(a.UID - b.UID) })
	last := max(r.folder.LastUID, int64(metas[len(metas)-1].UID))
	if r.hole.lease.lost() {
		return errLost
	}
	if err := r.post.deps.Inbox.Accept(ctx, r.folder, arrivals, last); err != nil {
		return err
	}
	r.folder.LastUID = last
	r.hole.received(r.folder.ID, metas...)
	return nil
}

// gather fetches what is to be fetched of some emails and accounts for the others.
func (r *folderReader) gather(ctx context.Context, metas []mailbox.Meta) (arrivals []inbox.Arrival, err error) {
	var wanted []mailbox.Meta
	for _, m := range metas {
		a := inbox.Arrival{UID: int64(m.UID), Size: m.Size, InternalDate: m.InternalDate}
		switch {
		case r.before(m):
			a.Disposition, a.Reason = inbox.BeforeStart, "it is from before the mailbox's start point"
		case !r.wanted(m):
			if err := r.beginning(ctx, &a); err != nil {
				return arrivals, err
			}
		default:
			wanted = append(wanted, m)
			continue
		}
		arrivals = append(arrivals, a)
	}
	fetched, err := r.fetch(ctx, wanted)
	return append(arrivals, fetched...), err
}

// headBytes is how much of an email over the limit is fetched: enough for who wrote, to whom and about
// what, and usually for the text.
const headBytes = 64 << 10

// beginning fetches the first bytes of an email that is too large: a ticket will say that there is more.
func (r *folderReader) beginning(ctx context.Context, a *inbox.Arrival) error {
	head, ok, err := r.session.FetchHead(ctx, uint32(a.UID), headBytes)
	if err != nil {
		return err
	}
	if !ok {
		a.Disposition, a.Reason = inbox.Quarantined, goneReason
		return nil
	}
	a.Oversize = true
	a.Bytes, err = blob.NewSpool(bytes.NewReader(head))
	return err
}

const goneReason = "it was removed from the mail server before it could be fetched"

// fetch reads the emails whole. Servers that only estimate sizes are asked again with what they sent.
func (r *folderReader) fetch(ctx context.Context, wanted []mailbox.Meta) (arrivals []inbox.Arrival, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	keep := func(m mailbox.Meta, raw io.Reader) error {
		spool, err := blob.NewSpool(raw)
		if err != nil {
			return err
		}
		arrivals = append(arrivals, inbox.Arrival{UID: int64(m.UID), Size: spool.Size(), InternalDate: m.InternalDate, Bytes: spool})
		return nil
	}
	missing, err := r.session.Fetch(ctx, wanted, keep)
	if again := misjudged(wanted, err); len(again) > 0 {
		var gone []uint32
		gone, err = r.session.Fetch(ctx, again, keep)
		missing = append(missing, gone...)
	}
	for _, uid := range missing {
		i := slices.IndexFunc(wanted, func(m mailbox.Meta) bool { return m.UID == uid })
		arrivals = append(arrivals, inbox.Arrival{UID: int64(uid), Size: wanted[i].Size, InternalDate: wanted[i].InternalDate,
			Disposition: inbox.Quarantined, Reason: goneReason})
	}
	return arrivals, err
}

// misjudged are the emails whose size the server had estimated, with the size it then sent; none where
// anything else went wrong.
func misjudged(wanted []mailbox.Meta, err error) []mailbox.Meta {
	var again []mailbox.Meta
	for _, wrong := range sizeErrors(err) {
		i := slices.IndexFunc(wanted, func(m mailbox.Meta) bool { return m.UID == wrong.UID })
		if i < 0 || wrong.Got == 0 {
			return nil
		}
		m := wanted[i]
		m.Size = wrong.Got
		again = append(again, m)
	}
	return again
}

// sizeErrors takes an error apart; nil where it holds anything but size errors.
func sizeErrors(err error) []*mailbox.SizeError {
	var one *mailbox.SizeError
	switch e := err.(type) {
	case nil:
		return nil
	case *mailbox.SizeError:
		return []*mailbox.SizeError{e}
	case interface{ Unwrap() []error }:
		var all []*mailbox.SizeError
		for _, part := range e.Unwrap() {
			found := sizeErrors(part)
			if found == nil {
				return nil
			}
			all = append(all, found...)
		}
		return all
	case interface{ Unwrap() error }:
		return sizeErrors(e.Unwrap())
	}
	if errors.As(err, &one) {
		return []*mailbox.SizeError{one}
	}
	return nil
}

func closeAll(arrivals []inbox.Arrival) {
	for _, a := range arrivals {
		if a.Bytes != nil {
			a.Bytes.Close()
		}
	}
}
