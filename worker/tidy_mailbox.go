package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/jobs"
	"github.com/postern-desk/postern/mail/mailbox"
)

type tidyMailbox struct {
	river.WorkerDefaults[jobs.TidyMailbox]
	post *postRoom
}

// tidyFor bounds one job; the next poll asks for another.
const tidyFor = time.Minute

// Work marks or moves what has its disposition, over a connection of its own: the one that reads is read-only.
func (w *tidyMailbox) Work(ctx context.Context, job *river.Job[jobs.TidyMailbox]) error {
	id, err := uuid.Parse(job.Args.MailboxID)
	if err != nil {
		return river.JobCancel(fmt.Errorf("mailbox id: %w", err))
	}
	err = w.post.tidy(ctx, id, time.Now().Add(tidyFor))
	if errors.Is(err, errElsewhere) {
		return nil
	}
	if errors.Is(err, mailbox.ErrNoMove) || errors.Is(err, mailbox.ErrNoTarget) {
		w.post.deps.Log.Warn("emails stay where they are on the mail server", "mailbox", id, "error", err)
		return nil
	}
	return verdict(err)
}

func (p *postRoom) tidy(ctx context.Context, id uuid.UUID, until time.Time) error {
	own, err := p.leases.claim(ctx, id)
	if err != nil {
		return err
	}
	ctx, done := own.bind(ctx)
	defer done()
	l, err := p.accounts.get(ctx, id)
	if err != nil || l.box.Paused || l.box.After == mailboxes.AfterNothing {
		return err
	}
	var session *mailbox.Session
	for time.Now().Before(until) {
		untidied, err := p.deps.Inbox.Untidied(ctx, id)
		if err != nil || len(untidied) == 0 {
			return err
		}
		if session == nil {
			if session, err = mailbox.Dial(ctx, IMAPAccount(l.box, l.secrets, l.roots), p.set.IMAP); err != nil {
				return err
			}
			defer session.Close()
		}
		for _, u := range untidied {
			err := change(ctx, session, l.box, u)
			if errors.Is(err, mailbox.ErrRenumbered) {
				return nil // the next poll begins the folder anew, and these are given up
			}
			// Emails of a folder that is gone are given up as well: they must not stop those of the others.
			if err != nil && !errors.Is(err, mailbox.ErrNoFolder) {
				return err
			}
			if err != nil {
				p.deps.Log.Warn("emails of a folder that is gone from the mail server stay as they are", "mailbox", id, "emails", len(u.IDs))
			}
			if err := p.deps.Inbox.Tidied(ctx, u.IDs); err != nil {
				return err
			}
		}
	}
	return nil
}

func change(ctx context.Context, s *mailbox.Session, m mailboxes.Mailbox, u inbox.Untidied) error {
	e := mailbox.Emails{Folder: u.Folder, UIDValidity: uint32(u.UIDValidity), Dates: u.Dates}
	for _, uid := range u.UIDs {
		e.UIDs = append(e.UIDs, uint32(uid))
	}
	if m.After == mailboxes.AfterMove {
		return s.MoveTo(ctx, e, m.AfterFolder)
	}
	return s.MarkSeen(ctx, e)
}

// queueTidy asks for a tidying where there is anything to tidy.
func (p *postRoom) queueTidy(ctx context.Context, m mailboxes.Mailbox) error {
	if m.After == mailboxes.AfterNothing {
		return nil
	}
	has, err := p.deps.Inbox.HasUntidied(ctx, m.ID)
	if err != nil || !has {
		return err
	}
	return p.deps.DB.Bookkeep(ctx, "tidy", func(tx *db.Tx) error {
		tx.Enqueue(jobs.TidyMailbox{MailboxID: m.ID.String(), Queue: p.queue})
		return nil
	})
}
