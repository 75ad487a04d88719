package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/blob"
	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/inbox"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/tickets"
	"github.com/postern-desk/postern/mail/archive"
)

// importer reads archives, makes their emails durable batch by batch, and routes them a little behind. A kill at
// any moment loses nothing: the next run begins where the ledger stands and routes what has no disposition.
type importer struct {
	inbox    *inbox.Service
	box      uuid.UUID
	as       tickets.Status
	set      config.Settings
	progress *progress
	folders  []int64

	batches chan []int64 // accepted, to be routed
	mu      sync.Mutex
	failed  error // the last failure of a batch
}

var errStopped = errors.New("stopped; the same command goes on from here")

func (i *importer) run(ctx context.Context, p *importPlan) error {
	wait := i.startRouting(ctx)
	err := i.readAll(ctx, p)
	close(i.batches)
	wait()
	if err == nil {
		err = i.routeRest(ctx)
	}
	if ctx.Err() != nil {
		return errStopped
	}
	return err
}

func (i *importer) readAll(ctx context.Context, p *importPlan) error {
	for _, src := range p.sources {
		f, err := i.inbox.OpenSource(ctx, i.box, src.path, i.as)
		if err != nil {
			return fmt.Errorf("%s: %w", src.path, err)
		}
		i.folders = append(i.folders, f.ID)
		b := &importBatch{importer: i, folder: f, mbox: src.mbox}
		if src.mbox {
			err = i.readMbox(ctx, b, src.path)
		} else {
			err = i.readTree(ctx, b, src.path, p)
		}
		b.drop()
		if err != nil {
			return fmt.Errorf("%s: %w", src.path, err)
		}
		i.progress.done(src.bytes)
	}
	return nil
}

// readMbox goes on behind the last accepted email. Where that is not what the ledger knows the file is another
// one, and is read from its beginning: what is known comes out as duplicates.
func (i *importer) readMbox(ctx context.Context, b *importBatch, path string) error {
	m, err := archive.OpenMbox(path)
	if err != nil {
		return onePathError(err)
	}
	defer m.Close()
	info, err := os.Stat(path)
	if err != nil {
		return onePathError(err)
	}
	if b.folder.LastUID > 0 {
		same, err := i.resume(ctx, m, b.folder)
		if err != nil {
			return err
		}
		if !same {
			i.progress.say(path + " is not the file that was imported before: it is read from its beginning")
			if b.folder, err = i.inbox.RestartSource(ctx, b.folder); err != nil {
				return err
			}
			if err := m.SeekTo(1); err != nil && !errors.Is(err, archive.ErrNotMbox) {
				return err
			}
		}
	}
	i.progress.from(m.Offset())
	for ctx.Err() == nil {
		e, raw, err := m.Next()
		if err == io.EOF {
			return b.flush(ctx)
		}
		if err != nil {
			return err
		}
		if err := b.add(ctx, e, raw, info.ModTime()); err != nil {
			return err
		}
		i.progress.at(m.Offset())
	}
	return ctx.Err()
}

// resume passes over the last accepted email and tells whether it is the one that the ledger knows.
func (i *importer) resume(ctx context.Context, m *archive.Mbox, f mailboxes.Folder) (same bool, err error) {
	known, found, err := i.inbox.Last(ctx, f)
	if err != nil {
		return false, err
	}
	if err := m.SeekTo(f.LastUID); errors.Is(err, archive.ErrNotMbox) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	_, raw, err := m.Next()
	if err != nil {
		return false, err
	}
	a, err := i.arrival(raw)
	if err != nil {
		return false, err
	}
	defer a.Bytes.Close()
	sum := a.Bytes.Sum()
	return found && a.Size == known.Size && (known.SHA256 == nil || bytes.Equal(sum[:], known.SHA256)), nil
}

// heldAtOnce is how many names of a folder the ledger is asked for at once.
const heldAtOnce = 1000

func (i *importer) readTree(ctx context.Context, b *importBatch, root string, p *importPlan) error {
	var ahead []archive.File
	read := func() error {
		defer func() { ahead = ahead[:0] }()
		return i.readFiles(ctx, b, ahead, p)
	}
	i.progress.from(0)
	err := archive.Walk(root, func(f archive.File) error {
		if f.Kind != archive.Single || f.Err != nil {
			return nil // the plan has them
		}
		if ahead = append(ahead, f); len(ahead) == heldAtOnce {
			return read()
		}
		return nil
	})
	if err == nil {
		err = read()
	}
	if err != nil {
		return err
	}
	return b.flush(ctx)
}

func (i *importer) readFiles(ctx context.Context, b *importBatch, files []archive.File, p *importPlan) error {
	keys := make([]int64, len(files))
	for n, f := range files {
		keys[n] = f.Key
	}
	held, err := i.inbox.Held(ctx, b.folder, keys)
	if err != nil {
		return err
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !held[f.Key] {
			if err := b.addFile(ctx, f); err != nil {
				var path *os.PathError
				if !errors.As(err, &path) {
					return err
				}
				p.unreadable = append(p.unreadable, err)
			}
		}
		i.progress.add(f.Size)
	}
	return nil
}

// importBatch is what the next commit makes durable.
type importBatch struct {
	*importer
	folder   mailboxes.Folder
	mbox     bool // its keys rise: the last one is a position
	arrivals []inbox.Arrival
	bytes    int64
	last     int64
}

func (b *importBatch) addFile(ctx context.Context, f archive.File) error {
	raw, err := os.Open(f.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // a Maildir's email got a flag meanwhile: the next run knows it by its name
	}
	if err != nil {
		return err
	}
	defer raw.Close()
	return b.add(ctx, f.Email, raw, time.Time{})
}

// add takes one email along. otherwise is its date where neither the archive nor the email tells one.
func (b *importBatch) add(ctx context.Context, e archive.Email, raw io.Reader, otherwise time.Time) error {
	a, err := b.arrival(raw)
	if err != nil {
		return err
	}
	if a.UID, a.InternalDate = e.Key, e.Date; e.Date.IsZero() {
		a.InternalDate = dateOf(a.Bytes, otherwise)
	}
	b.arrivals = append(b.arrivals, a)
	b.bytes += a.Bytes.Size()
	b.last = e.Key
	if len(b.arrivals) >= b.set.FetchBatchMessages || b.bytes >= int64(b.set.FetchBatchBytes) {
		return b.flush(ctx)
	}
	return nil
}

// oversizeHead is how much of an email over the limit is kept: who wrote, about what, and usually the text.
const oversizeHead = 64 << 10

// arrival holds an email in memory or, a large one, in a temporary file; of one over the limit its beginning.
func (i *importer) arrival(raw io.Reader) (inbox.Arrival, error) {
	most := int64(i.set.MaxEmailBytes)
	spool, err := blob.NewSpool(io.LimitReader(raw, most+1))
	if err != nil {
		return inbox.Arrival{}, err
	}
	if spool.Size() <= most {
		return inbox.Arrival{Bytes: spool, Size: spool.Size()}, nil
	}
	defer spool.Close()
	rest, err := io.Copy(io.Discard, raw)
	if err != nil {
		return inbox.Arrival{}, err
	}
	head, err := blob.NewSpool(io.LimitReader(spool.Reader(), oversizeHead))
	return inbox.Arrival{Bytes: head, Size: spool.Size() + rest, Oversize: true}, err
}

// dateOf is the Date of an email.
func dateOf(s *blob.Spool, otherwise time.Time) time.Time {
	if m, err := mail.ReadMessage(io.LimitReader(s.Reader(), oversizeHead)); err == nil {
		if at, err := m.Header.Date(); err == nil && at.Year() >= 1970 && at.Before(time.Now()) {
			return at
		}
	}
	return otherwise
}

// flush makes the batch durable and hands it on. An mbox's position moves with it.
func (b *importBatch) flush(ctx context.Context) error {
	if len(b.arrivals) == 0 {
		return nil
	}
	at := b.folder.LastUID
	if b.mbox {
		at = b.last
	}
	ids, err := b.inbox.AcceptImported(ctx, b.folder, b.arrivals, at)
	if err != nil {
		return err
	}
	b.folder.LastUID = at
	b.progress.accepted(len(ids))
	b.drop()
	if len(ids) > 0 {
		b.batches <- ids
	}
	return nil
}

func (b *importBatch) drop() {
	for _, a := range b.arrivals {
		_ = a.Bytes.Close()
	}
	b.arrivals, b.bytes = nil, 0
}
