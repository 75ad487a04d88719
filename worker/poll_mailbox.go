package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/mailbox"
)

type pollMailbox struct {
	river.WorkerDefaults[jobs.PollMailbox]
	post *postRoom
}

// pollFor bounds one job: a long back-fill makes way and goes on in the next one. Within it a folder that has
// more is left for the others after a turn.
const (
	pollFor = time.Minute
	turn    = 5 * time.Second
)

// Work reads what is new in every folder of a mailbox.
func (w *pollMailbox) Work(ctx context.Context, job *river.Job[jobs.PollMailbox]) error {
	id, err := uuid.Parse(job.Args.MailboxID)
	if err != nil {
		return river.JobCancel(fmt.Errorf("mailbox id: %w", err))
	}
	more, err := w.post.poll(ctx, id, time.Now().Add(pollFor))
	if errors.Is(err, errElsewhere) || errors.Is(err, errLost) {
		return nil // whoever took it over has begun with a poll
	}
	if err != nil {
		return verdict(err)
	}
	if more {
		return river.JobSnooze(0)
	}
	// Until the end is committed, the queue takes the poll that a notice asks for as a second one. The notice
	// has set the news before it asked: either it asks after this, or it is seen here.
	if err := db.Finish(ctx, w.post.deps.DB, job); err != nil {
		return err
	}
	if w.post.hole(id).news.Load() {
		return w.post.queuePoll(ctx, id)
	}
	return nil
}

// queuePoll asks for a poll; where one is waiting already there will be no second one.
func (p *postRoom) queuePoll(ctx context.Context, id uuid.UUID) error {
	return p.deps.DB.Bookkeep(ctx, "watch", func(tx *db.Tx) error {
		tx.Enqueue(jobs.PollMailbox{MailboxID: id.String(), Queue: p.queue})
		return nil
	})
}

// poll reads until nothing is new; more tells that time ran out before.
func (p *postRoom) poll(ctx context.Context, id uuid.UUID, until time.Time) (more bool, err error) {
	h := p.hole(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lease, err = p.leases.claim(ctx, id); err != nil {
		return false, err
	}
	ctx, done := h.lease.bind(ctx)
	defer done()
	defer func() {
		if err != nil && errors.Is(context.Cause(ctx), errLost) {
			err = errLost
		}
	}()
	for {
		h.heard = h.news.Swap(false)
		l, err := p.accounts.get(ctx, id)
		if err != nil || l.box.Paused {
			return false, err
		}
		if h.session == nil && h.backoff.left(l.box.Version) > 0 {
			return false, nil // the watcher, or the next tick, asks again
		}
		folders, err := p.deps.Mailboxes.FoldersOf(ctx, id)
		if err != nil {
			return false, err
		}
		// Folders that the mailbox had before keep their cursors.
		folders = slices.DeleteFunc(folders, func(f mailboxes.Folder) bool { return !slices.Contains(l.box.Folders, f.Name) })
		more, err = p.pollFolders(ctx, h, l, folders, until)
		p.judge(ctx, l.box, err)
		if err != nil {
			return more, err
		}
		if more || !h.news.Load() {
			return more, p.queueTidy(ctx, l.box)
		}
	}
}

// pollFolders reads the folders in turns until none has more, beginning with the one that the last poll had no
// time for. One that fails keeps none of the others from being read: it is left alone until the next poll, and
// its failure, which is noted at the folder, is returned unless there is more to read.
func (p *postRoom) pollFolders(ctx context.Context, h *pigeonhole, l login, folders []mailboxes.Folder, until time.Time) (more bool, failed error) {
	if i := slices.IndexFunc(folders, func(f mailboxes.Folder) bool { return f.ID == h.next }); i > 0 {
		folders = slices.Concat(folders[i:], folders[:i])
	}
	h.next = 0
	several := len(folders) > 1
	for more = true; more; {
		more = false
		var round []mailboxes.Folder
		for i, f := range folders {
			if i > 0 && time.Now().After(until) {
				h.next = f.ID
				return true, nil
			}
			end := until
			if several {
				end = earlier(until, time.Now().Add(turn))
			}
			unread, err := p.pollFolder(ctx, h, l, &f, end)
			switch {
			case errors.Is(err, errLost):
				return false, err
			case errors.Is(err, inbox.ErrMoved):
				return true, nil // somebody else reads it too; begin from the cursor as it is now
			case err != nil && (ctx.Err() != nil || errors.As(err, new(connectError))):
				return false, errors.Join(failed, err)
			case err != nil:
				failed = errors.Join(failed, err)
				continue
			}
			more = more || unread
			round = append(round, f)
		}
		if folders = round; more && time.Now().After(until) {
			return true, nil
		}
	}
	return false, failed
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// connectError is a login that failed: the mailbox's other folders would meet the same.
type connectError struct{ error }

// Unwrap returns why.
func (e connectError) Unwrap() error { return e.error }

func (p *postRoom) pollFolder(ctx context.Context, h *pigeonhole, l login, f *mailboxes.Folder, until time.Time) (more bool, err error) {
	kept := h.session != nil
	more, err = p.readFolder(ctx, h, l, f, until)
	if (kept && h.session == nil || errors.Is(err, errSingly)) && ctx.Err() == nil {
		// The connection had ended between two polls, as connections do: that is no failure yet.
		more, err = p.readFolder(ctx, h, l, f, until)
	}
	switch {
	case errors.Is(err, inbox.ErrMoved), errors.Is(err, errLost):
		return false, err
	case err != nil && ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		note := p.deps.Mailboxes.Polled(ctx, f.ID, err)
		return false, errors.Join(fmt.Errorf("poll mailbox %s: %w", l.box.ID, err), note)
	}
	if !more {
		h.singly = false
	}
	if f.FailingSince != nil {
		f.FailingSince = nil
		return more, p.deps.Mailboxes.Polled(ctx, f.ID, nil)
	}
	return more, nil
}

// readFolder reads over the open connection, or a new one; a connection that failed is dropped. The folder is
// given back as it then stands.
func (p *postRoom) readFolder(ctx context.Context, h *pigeonhole, l login, f *mailboxes.Folder, until time.Time) (more bool, err error) {
	session, err := h.connect(ctx, l, p.set.IMAP)
	if err != nil {
		return false, connectError{err}
	}
	r := &folderReader{post: p, hole: h, session: session, box: l.box, folder: *f}
	more, err = r.read(ctx, until)
	*f = r.folder
	if err != nil && !errors.Is(err, inbox.ErrMoved) && !errors.Is(err, mailbox.ErrNoFolder) {
		h.drop()
	}
	return more, err
}
