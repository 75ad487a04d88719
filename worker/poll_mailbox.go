package worker

import (
	"context"
	"errors"
	"fmt"
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
		for _, f := range folders {
			more, err := p.pollFolder(ctx, h, l, f, until)
			if err != nil || more {
				return more, err
			}
		}
		if !h.news.Load() {
			return false, nil
		}
	}
}

func (p *postRoom) pollFolder(ctx context.Context, h *pigeonhole, l login, f mailboxes.Folder, until time.Time) (more bool, err error) {
	session, err := h.connect(ctx, l, p.set.IMAP)
	if err == nil {
		r := &folderReader{post: p, session: session, box: l.box, folder: f}
		more, err = r.read(ctx, until)
	}
	switch {
	case errors.Is(err, inbox.ErrMoved):
		return true, nil // somebody else reads it too; begin from the cursor as it is now
	case err != nil && ctx.Err() != nil:
		h.drop()
		return false, ctx.Err()
	case err != nil:
		h.drop()
		note := p.deps.Mailboxes.Polled(ctx, f.ID, err)
		return false, errors.Join(fmt.Errorf("poll mailbox %s: %w", l.box.ID, err), note)
	case f.FailingSince != nil:
		return more, p.deps.Mailboxes.Polled(ctx, f.ID, nil)
	}
	return more, nil
}

// seenOf is what the ledger needs to know of an opened folder. A server that keeps UIDNEXT to itself
// leaves no bound to the start point: everything in the first reading is measured by its date.
func seenOf(f mailbox.Folder) inbox.Seen {
	seen := inbox.Seen{UIDValidity: int64(f.UIDValidity), UIDNext: int64(f.UIDNext)}
	if seen.UIDNext == 0 {
		seen.UIDNext = 1 << 32
	}
	return seen
}
