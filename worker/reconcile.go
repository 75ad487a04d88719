package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

type compareMailboxes struct {
	river.WorkerDefaults[jobs.CompareMailboxes]
	inbox *inbox.Service
}

// Work asks for the night's comparisons.
func (w *compareMailboxes) Work(ctx context.Context, _ *river.Job[jobs.CompareMailboxes]) error {
	_, err := w.inbox.QueueComparisons(db.Unhurried(ctx), time.Now())
	return verdict(err)
}

type compareMailbox struct {
	river.WorkerDefaults[jobs.CompareMailbox]
	post  *postRoom
	slots chan struct{}
}

// compareAtOnce bounds a process's comparisons: beside those of every mailbox in one night its polls need workers.
const (
	compareAtOnce = 4
	slotPause     = 5 * time.Second
)

// Work compares every folder of a mailbox, where this process may read it; else whoever reads it does.
func (w *compareMailbox) Work(ctx context.Context, job *river.Job[jobs.CompareMailbox]) error {
	id, err := uuid.Parse(job.Args.MailboxID)
	if err != nil {
		return river.JobCancel(fmt.Errorf("mailbox id: %w", err))
	}
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	default:
		return river.JobSnooze(slotPause)
	}
	_, err = w.post.compare(ctx, id)
	if errors.Is(err, errElsewhere) {
		return verdict(w.post.passOn(ctx, id))
	}
	return verdict(err)
}

// passOn asks the process that reads the mailbox to compare it. Where none does any more, the next hour asks.
func (p *postRoom) passOn(ctx context.Context, id uuid.UUID) error {
	return p.deps.DB.Bookkeep(ctx, "watch", func(tx *db.Tx) error {
		queues, err := db.Column[string](tx, sqlQueueOf, id, leaseFor)
		for _, queue := range queues {
			tx.Enqueue(jobs.CompareMailbox{MailboxID: id.String(), Queue: queue})
		}
		return err
	})
}

// compare works over a connection of its own, so that no new email waits for it, under the mailbox's lease, so that
// nobody else connects meanwhile. A folder that fails keeps no other from being compared.
func (p *postRoom) compare(ctx context.Context, id uuid.UUID) (reports []inbox.Report, failed error) {
	lease, err := p.leases.claim(ctx, id)
	if err != nil {
		return nil, err
	}
	ctx, done := lease.bind(ctx)
	defer done()
	l, err := p.accounts.get(ctx, id)
	if err != nil || l.box.Paused {
		return nil, err
	}
	folders, err := p.deps.Mailboxes.FoldersOf(ctx, id)
	if err != nil {
		return nil, err
	}
	own := &pigeonhole{lease: lease}
	defer own.drop()
	for _, f := range folders {
		if f.UIDValidity == 0 || !slices.Contains(l.box.Folders, f.Name) {
			continue
		}
		own.singly = false
		c := &comparison{folderReader: folderReader{post: p, box: l.box, folder: f, start: inbox.StartOf(l.box, f), hole: own}}
		if err := c.finish(ctx, l); err != nil {
			if errors.Is(err, errLost) || errors.Is(context.Cause(ctx), errLost) {
				return reports, errElsewhere
			}
			failed = errors.Join(failed, fmt.Errorf("compare folder %d of mailbox %s: %w", f.ID, id, err))
			continue
		}
		reports = append(reports, c.report)
	}
	return reports, failed
}

// comparison is one folder that is compared with the ledger.
type comparison struct {
	folderReader
	report inbox.Report
	taken  []inbox.Named   // what was missing, over all tries
	skip   map[uint32]bool // what the server does not send
	news   int64           // how many were accepted
	opened mailbox.Folder
}

// compareTries bounds how often a connection is spent on emails that the server does not send.
const compareTries = 10

// finish compares, tells what became of what differed, and keeps the report.
func (c *comparison) finish(ctx context.Context, l login) (err error) {
	c.skip = map[uint32]bool{}
	for try := 1; ; try++ {
		if c.session, err = c.hole.connect(ctx, l, c.post.set.IMAP); err != nil {
			return err
		}
		if err = c.run(ctx); !errors.Is(err, errSingly) || try == compareTries {
			break
		}
		c.hole.drop()
	}
	if err != nil {
		c.hole.drop()
		return err
	}
	if c.news > 0 {
		c.report.Note(inbox.Missing, c.news, c.taken...)
	}
	if c.report.Count(inbox.Replaced) > 0 {
		err = c.readAnew(ctx)
	}
	c.tell()
	c.report.At = time.Now().UTC()
	return errors.Join(err, c.post.deps.Inbox.SaveReport(ctx, c.box, c.report))
}

func (c *comparison) tell() {
	attrs := []any{"mailbox", c.box.ID, "folder", c.folder.ID, "server", c.report.Server, "ledger", c.report.Ledger}
	level := slog.LevelInfo
	for _, f := range c.report.Differences {
		attrs = append(attrs, f.Kind, f.Count)
		if f.Kind == inbox.Missing || f.Kind == inbox.Replaced || f.Kind == inbox.BytesMissing {
			level = slog.LevelWarn
		}
	}
	c.post.deps.Log.Log(context.Background(), level, "a folder was compared with the ledger", attrs...)
}

// run lists the folder once, a range at a time: neither side is ever whole in memory. What lies above the cursor
// is the next poll's.
func (c *comparison) run(ctx context.Context) (err error) {
	c.report = inbox.Report{FolderID: c.folder.ID, Folder: c.folder.Name}
	if c.opened, err = c.session.Open(ctx, c.folder.Name); err != nil {
		return err
	}
	c.report.Server = int64(c.opened.Messages)
	if int64(c.opened.UIDValidity) != c.folder.UIDValidity {
		c.report.Note(inbox.Renumbered, c.report.Server)
		return nil
	}
	var page []mailbox.Meta
	cursor, after, listed := c.folder.LastUID, int64(0), int64(0)
	err = c.session.List(ctx, 1, 0, func(m mailbox.Meta) error {
		listed++
		if int64(m.UID) > cursor {
			c.report.Note(inbox.Unread, 1, inbox.Named{UID: int64(m.UID)})
			return nil
		}
		if page = append(page, m); len(page) < listAhead {
			return nil
		}
		err := c.compareSpan(ctx, page, after, int64(m.UID))
		page, after = page[:0], int64(m.UID)
		return err
	})
	c.report.Server = listed
	if err != nil {
		return err
	}
	return c.compareSpan(ctx, page, after, cursor)
}

func (c *comparison) compareSpan(ctx context.Context, page []mailbox.Meta, after, upTo int64) error {
	span := inbox.Span{After: after, UpTo: upTo}
	for _, m := range page {
		span.UIDs, span.Sizes, span.Dates = append(span.UIDs, int64(m.UID)), append(span.Sizes, m.Size), append(span.Dates, m.InternalDate)
	}
	missing, err := c.post.deps.Inbox.CompareSpan(ctx, c.folder, span, &c.report)
	if err != nil || len(missing) == 0 {
		return err
	}
	lacked := slices.DeleteFunc(slices.Clone(page), func(m mailbox.Meta) bool {
		_, is := slices.BinarySearch(missing, int64(m.UID))
		return !is
	})
	return c.takeIn(ctx, lacked)
}

// takeIn accepts what the ledger lacks. A batch that fails because of one of its emails is begun again over a
// new connection, one by one; an email that the server does not send then is left out and named.
func (c *comparison) takeIn(ctx context.Context, lacked []mailbox.Meta) error {
	for len(lacked) > 0 {
		n := c.batch(lacked)
		batch := lacked[:n]
		lacked = lacked[n:]
		if c.skip[batch[0].UID] {
			c.report.Note(inbox.Unfetched, 1, inbox.Named{UID: int64(batch[0].UID)})
			continue
		}
		err := c.acceptMoved(ctx, batch)
		if ofEmail(err) && n == 1 {
			c.skip[batch[0].UID] = true
			return errors.Join(errSingly, err)
		}
		if err != nil {
			return err
		}
		c.news += int64(n)
		for _, m := range batch {
			if len(c.taken) < listAhead {
				c.taken = append(c.taken, inbox.Named{UID: int64(m.UID)})
			}
		}
	}
	return nil
}

// acceptMoved accepts beside polls that read on in the folder meanwhile.
func (c *comparison) acceptMoved(ctx context.Context, batch []mailbox.Meta) error {
	for range compareTries {
		err := c.acceptBatch(ctx, batch)
		if !errors.Is(err, inbox.ErrMoved) {
			return err
		}
		if err := c.look(ctx); err != nil {
			return err
		}
	}
	return inbox.ErrMoved
}

// look reads how far the folder was read by now. One that was begun anew is not compared.
func (c *comparison) look(ctx context.Context) error {
	folders, err := c.post.deps.Mailboxes.FoldersOf(ctx, c.box.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(folders, func(f mailboxes.Folder) bool { return f.ID == c.folder.ID })
	if i < 0 || folders[i].UIDValidity != c.folder.UIDValidity || folders[i].Generation != c.folder.Generation {
		return errors.New("the folder is read from its beginning; it will be compared again")
	}
	c.folder = folders[i]
	return nil
}

// readAnew begins the folder again: what stands under its UIDs now may never have been read, and what was read is
// a duplicate. The next poll does it.
func (c *comparison) readAnew(ctx context.Context) error {
	if err := c.look(ctx); err != nil {
		return err
	}
	seen := inbox.Seen{UIDValidity: int64(c.opened.UIDValidity), UIDNext: int64(c.opened.UIDNext), Guessed: c.opened.Guessed}
	_, err := c.post.deps.Inbox.Restart(ctx, c.folder, seen)
	return err
}
