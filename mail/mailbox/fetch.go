package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	// slowest is the rate, in bytes a second, below which an email that is
	// being fetched counts as stuck.
	slowest = 16 << 10
	// sizeSlack is by how much a literal may exceed what is listed and still
	// be skipped with its connection kept.
	sizeSlack = 1 << 20
	// fetchTries is how often emails that exist but were not sent are asked for.
	fetchTries = 3
)

// Fetch calls fn once for each email with its bytes, in the order the server
// sends them. The stream ends in io.EOF only when every byte has come, and
// there are as many as Meta.Size; it is valid until fn returns. If fn returns
// nil without having read to the end, the rest is read and checked all the
// same.
//
// Missing are the UIDs that the server confirms gone. An error of fn ends the
// fetch and is returned wrapped. Emails of another size than listed do not come
// to fn; a [SizeError] each is returned, joined, after the others are through.
// With any other error, what fn has not seen is unknown, not missing.
func (s *Session) Fetch(ctx context.Context, metas []Meta, fn func(Meta, io.Reader) error) (missing []uint32, err error) {
	f := &fetch{session: s, fn: fn, left: make(map[uint32]Meta, len(metas))}
	for _, m := range metas {
		if m.UID == 0 {
			return nil, errors.New("mailbox: fetch emails: uid 0 names no email")
		}
		f.left[m.UID] = m
		f.largest, f.bytes = max(f.largest, m.Size), f.bytes+m.Size
	}
	missing, err = f.run(ctx)
	if err != nil {
		return missing, fmt.Errorf("mailbox: fetch emails: %w", err)
	}
	return missing, nil
}

// fetch is one call of Fetch.
type fetch struct {
	session        *Session
	fn             func(Meta, io.Reader) error
	left           map[uint32]Meta // what is still to come
	largest, bytes int64
	wrongSizes     []error
	broken         bool // a literal failed; see release
}

// run asks for what is left until it has come or is confirmed gone. Absence in
// one answer proves nothing: a report of changed flags can hide an answer.
func (f *fetch) run(ctx context.Context) (missing []uint32, err error) {
	for range fetchTries {
		if len(f.left) == 0 {
			break
		}
		if err := f.once(ctx); err != nil {
			return nil, err
		}
		gone, err := f.confirmGone(ctx)
		if err != nil {
			return nil, err
		}
		missing = append(missing, gone...)
	}
	if len(f.left) > 0 {
		return nil, fmt.Errorf("%w: the server lists %d emails that it does not send", ErrIncomplete, len(f.left))
	}
	return missing, errors.Join(f.wrongSizes...)
}

// confirmGone returns which of the emails left are no longer in the folder, and
// strikes them off.
func (f *fetch) confirmGone(ctx context.Context) (gone []uint32, err error) {
	if len(f.left) == 0 {
		return nil, nil
	}
	if err := f.session.Noop(ctx); err != nil { // the server may have held back the news
		return nil, err
	}
	present := make(map[uint32]bool)
	err = f.session.describe(ctx, f.uids(), func(a answer) { present[a.meta.UID] = true })
	if err != nil {
		return nil, err
	}
	for uid := range f.left {
		if !present[uid] {
			gone = append(gone, uid)
			delete(f.left, uid)
		}
	}
	return gone, nil
}

func (f *fetch) uids() imap.UIDSet {
	var set imap.UIDSet
	for uid := range f.left {
		set.AddNum(imap.UID(uid))
	}
	return set
}

// once sends one FETCH and hands on what comes.
func (f *fetch) once(ctx context.Context) error {
	s := f.session
	p, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer p.end()
	s.wire.limit.Store(max(f.largest+sizeSlack, smallLiteral))
	defer s.wire.limit.Store(smallLiteral)

	cmd := s.client.Fetch(f.uids(), &imap.FetchOptions{
		UID:         true,
		BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	})
	received := false
	defer func() {
		if !received { // fn panicked: the library must not wait for a reader
			_ = s.Close()
			_ = f.release(cmd)
		}
	}()
	fnErr := f.receive(p, cmd)
	received = true
	p.pause()
	p.grant(s.allowance(f.bytes)) // after an error of fn all the rest is skipped
	p.resume()
	err = f.release(cmd)
	if fnErr != nil {
		return fnErr
	}
	return s.explain(err)
}

// release lets the library go on: what is unread is skipped. A literal that
// failed must not be touched again, not even to skip it: the library's reader
// is past it and uses the same buffer. It ends by itself then.
func (f *fetch) release(cmd *imapclient.FetchCommand) error {
	if f.broken {
		_ = f.session.Close()
		return io.ErrUnexpectedEOF
	}
	return ignoreExpunged(cmd.Close())
}

// allowance is how long the server may take for so many bytes, a day at most:
// sizes are what a server claims.
func (s *Session) allowance(bytes int64) time.Duration {
	const day = 24 * 60 * 60
	return s.timeouts.Command + time.Duration(min(uint64(bytes)/slowest, day))*time.Second
}

func (f *fetch) receive(p *patience, cmd *imapclient.FetchCommand) error {
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		var uid uint32
		for item := msg.Next(); item != nil; item = msg.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				uid = uint32(item.UID)
			case imapclient.FetchItemDataBodySection:
				m, wanted := f.left[uid]
				if !wanted || item.Literal == nil || !isWholeEmail(item.Section) {
					continue
				}
				if err := f.deliver(p, m, item.Literal); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func isWholeEmail(section *imap.FetchItemBodySection) bool {
	return section.Specifier == imap.PartSpecifierNone && len(section.Part) == 0 && section.Partial == nil
}

// deliver hands one email to fn and makes sure that all of it came.
func (f *fetch) deliver(p *patience, m Meta, literal imap.LiteralReader) error {
	if literal.Size() != m.Size {
		f.wrongSizes = append(f.wrongSizes, &SizeError{UID: m.UID, Want: m.Size, Got: literal.Size()})
		delete(f.left, m.UID)
		return nil
	}
	p.pause()
	p.grant(f.session.allowance(m.Size))
	body := &stream{fetch: f, patience: p, literal: literal, size: m.Size, left: m.Size}
	err := f.fn(m, body)
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	body.over = true
	p.grant(f.session.timeouts.Command)
	p.resume()
	if err != nil {
		return fmt.Errorf("uid %d: %w", m.UID, err)
	}
	delete(f.left, m.UID)
	return nil
}

// stream is the bytes of one email; the server's clock runs only inside Read.
type stream struct {
	fetch    *fetch
	patience *patience
	literal  io.Reader
	size     int64
	left     int64
	over     bool
	err      error // of the first failed read
}

// Size is how many bytes it has in all.
func (b *stream) Size() int64 { return b.size }

func (b *stream) Read(p []byte) (int, error) {
	switch {
	case b.over:
		return 0, errors.New("mailbox: an email's stream is read after its function returned")
	case b.err != nil:
		return 0, b.err
	case b.left == 0:
		return 0, io.EOF
	}
	b.patience.resume()
	n, err := b.literal.Read(p)
	b.patience.pause()
	b.left -= int64(n)
	if err != nil && b.left > 0 {
		// The library ends a literal that was cut short like a complete one.
		b.fetch.broken = true
		b.err = fmt.Errorf("%w: %d bytes lack: %w", ErrIncomplete, b.left, b.fetch.session.explain(io.ErrUnexpectedEOF))
		return n, b.err
	}
	return n, nil
}
