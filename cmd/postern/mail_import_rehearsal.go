package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/mail/archive"
	"github.com/postern-desk/postern/mail/message"
)

// rehearsal counts what an import of one source would do.
type rehearsal struct {
	importer       *importer
	folder         mailboxes.Folder
	found          bool // it was imported before, at least in part
	emails, held   int
	elsewhere      int // of those not held, what the desk has by another way
	oversize       int
	sent           int             // written by the desk itself
	own            map[string]bool // its addresses
	earliest, last time.Time
	keys           [][32]byte
}

// rehearse reads everything and changes nothing.
func (i *importer) rehearse(ctx context.Context, p *importPlan, own map[string]bool, w io.Writer) error {
	for _, src := range p.sources {
		r := &rehearsal{importer: i, own: own}
		var err error
		if r.folder, r.found, err = i.inbox.FindSource(ctx, i.box, src.path); err != nil {
			return err
		}
		if src.mbox {
			err = r.readMbox(ctx, src.path)
		} else {
			err = r.readTree(ctx, src.path, p)
		}
		if err == nil {
			err = r.ask(ctx, 1)
		}
		if ctx.Err() != nil {
			return errors.New("stopped; nothing was changed")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", src.path, err)
		}
		r.tell(w, src)
	}
	return p.failures()
}

func (r *rehearsal) readMbox(ctx context.Context, path string) error {
	m, err := archive.OpenMbox(path)
	if err != nil {
		return onePathError(err)
	}
	defer m.Close()
	upTo := int64(0)
	if r.found && r.folder.LastUID > 0 {
		same, err := r.importer.resume(ctx, m, r.folder)
		if err != nil {
			return err
		}
		if same {
			upTo = r.folder.LastUID
		}
		if err := m.SeekTo(1); err != nil && !errors.Is(err, archive.ErrNotMbox) {
			return err
		}
	}
	for ctx.Err() == nil {
		e, raw, err := m.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.count(ctx, e, raw, e.Key <= upTo); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (r *rehearsal) readTree(ctx context.Context, root string, p *importPlan) error {
	return archive.Walk(root, func(f archive.File) error {
		if f.Kind != archive.Single || f.Err != nil || ctx.Err() != nil {
			return ctx.Err()
		}
		held, err := r.importer.inbox.Held(ctx, r.folder, []int64{f.Key})
		if err != nil {
			return err
		}
		raw, err := os.Open(f.Path)
		if err != nil {
			p.unreadable = append(p.unreadable, err)
			return nil
		}
		defer raw.Close()
		return r.count(ctx, f.Email, raw, held[f.Key])
	})
}

// keysAtOnce is how many emails the ledger is asked for at once.
const keysAtOnce = 500

func (r *rehearsal) count(ctx context.Context, e archive.Email, raw io.Reader, held bool) error {
	r.emails++
	if at := e.Date; !at.IsZero() {
		if r.earliest.IsZero() || at.Before(r.earliest) {
			r.earliest = at
		}
		if at.After(r.last) {
			r.last = at
		}
	}
	if held {
		r.held++
		return nil
	}
	size := counter(0)
	var head bytes.Buffer
	key, err := message.ContentKey(io.TeeReader(io.MultiReader(io.TeeReader(io.LimitReader(raw, oversizeHead), &head), raw), &size))
	if err != nil {
		return err
	}
	if isOwn(&head, r.own) {
		r.sent++
	}
	if int64(size) > int64(r.importer.set.MaxEmailBytes) {
		r.oversize++
	}
	r.keys = append(r.keys, key)
	return r.ask(ctx, keysAtOnce)
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func (r *rehearsal) ask(ctx context.Context, atLeast int) error {
	if len(r.keys) < atLeast {
		return nil
	}
	n, err := r.importer.inbox.KnownKeys(ctx, r.keys)
	r.elsewhere, r.keys = r.elsewhere+n, r.keys[:0]
	return err
}

func (r *rehearsal) tell(w io.Writer, src importSource) {
	kind, span := "single emails", ""
	if src.mbox {
		kind = "mbox"
	}
	if !r.earliest.IsZero() {
		span = fmt.Sprintf(", %s to %s", r.earliest.Format(time.DateOnly), r.last.Format(time.DateOnly))
	}
	fmt.Fprintf(w, "%s: %s, %s emails, %.1f MiB%s: %s new, %s imported before, %s that the desk has by another way\n", src.path, kind, thousands(r.emails),
		float64(src.bytes)/(1<<20), span, thousands(r.emails-r.held-r.elsewhere), thousands(r.held), thousands(r.elsewhere))
	if r.oversize > 0 {
		fmt.Fprintf(w, "  %s are larger than the limit: only their beginning would be kept\n", thousands(r.oversize))
	}
	if r.sent > 0 {
		fmt.Fprintf(w, "  %s were written by the desk's own addresses, as those of a Sent folder are: they would be skipped\n", thousands(r.sent))
	}
}
