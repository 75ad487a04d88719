package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/mailbox"
)

type pollMailbox struct {
	river.WorkerDefaults[jobs.PollMailbox]
	post *postRoom
}

// pollFor bounds one job: a long back-fill makes way and goes on in the next one.
const pollFor = time.Minute

// Work reads what is new in every folder of a mailbox.
func (w *pollMailbox) Work(ctx context.Context, job *river.Job[jobs.PollMailbox]) error {
	id, err := uuid.Parse(job.Args.MailboxID)
	if err != nil {
		return river.JobCancel(fmt.Errorf("mailbox id: %w", err))
	}
	more, err := w.post.poll(ctx, id, time.Now().Add(pollFor))
	if err != nil {
		return verdict(err)
	}
	if more {
		return river.JobSnooze(0)
	}
	return nil
}

// poll reads until nothing is new; more tells that time ran out before.
func (p *postRoom) poll(ctx context.Context, id uuid.UUID, until time.Time) (more bool, err error) {
	h := p.hole(id)
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		h.news.Store(false)
		l, err := p.accounts.get(ctx, id)
		if err != nil || l.box.Paused {
			return false, err
		}
		folders, err := p.deps.Mailboxes.FoldersOf(ctx, id)
		if err != nil {
			return false, err
		}
		more, err = p.pollFolders(ctx, h, l, folders, until)
		if err != nil || more || !h.news.Load() {
			return more, err
		}
	}
}

// pollFolders reads the folders that the mailbox has now. One that is gone from the server does not keep
// the others from being read.
func (p *postRoom) pollFolders(ctx context.Context, h *pigeonhole, l login, folders []mailboxes.Folder, until time.Time) (more bool, err error) {
	var gone error
	for _, f := range folders {
		if !slices.Contains(l.box.Folders, f.Name) {
			continue
		}
		more, err := p.pollFolder(ctx, h, l, f, until)
		if errors.Is(err, mailbox.ErrNoFolder) {
			gone = errors.Join(gone, err)
			continue
		}
		if err != nil || more {
			return more, errors.Join(gone, err)
		}
	}
	return false, gone
}

func (p *postRoom) pollFolder(ctx context.Context, h *pigeonhole, l login, f mailboxes.Folder, until time.Time) (more bool, err error) {
	kept := h.session != nil
	more, err = p.readFolder(ctx, h, l, f, until)
	if (kept && h.session == nil || errors.Is(err, errSingly)) && ctx.Err() == nil {
		// The connection had ended between two polls, as connections do: that is no failure yet.
		more, err = p.readFolder(ctx, h, l, f, until)
	}
	switch {
	case errors.Is(err, inbox.ErrMoved):
		return true, nil // somebody else reads it too; begin from the cursor as it is now
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
		return more, p.deps.Mailboxes.Polled(ctx, f.ID, nil)
	}
	return more, nil
}

// readFolder reads over the open connection, or a new one; a connection that failed is dropped.
func (p *postRoom) readFolder(ctx context.Context, h *pigeonhole, l login, f mailboxes.Folder, until time.Time) (more bool, err error) {
	session, err := h.connect(ctx, l, p.set.IMAP)
	if err != nil {
		return false, err
	}
	r := &folderReader{post: p, hole: h, session: session, box: l.box, folder: f}
	more, err = r.read(ctx, until)
	if err != nil && !errors.Is(err, inbox.ErrMoved) && !errors.Is(err, mailbox.ErrNoFolder) {
		h.drop()
	}
	return more, err
}
