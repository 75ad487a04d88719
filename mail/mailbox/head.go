package mailbox

import (
	"context"
	"fmt"
	"io"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// FetchHead reads the first n bytes of an email, or all of a shorter one: what
// can be told of an email that is too large to be fetched. ok is false where
// the server confirms that the email is gone; one that it lists but does not
// send is ErrIncomplete.
func (s *Session) FetchHead(ctx context.Context, uid uint32, n int64) (head []byte, ok bool, err error) {
	f := &fetch{session: s, left: map[uint32]Meta{uid: {UID: uid}}}
	for range fetchTries {
		if head, err = f.head(ctx, uid, n); err != nil {
			break
		}
		if len(f.left) == 0 {
			return head, true, nil
		}
		var gone []uint32
		if gone, err = f.confirmGone(ctx); err != nil {
			break
		}
		if len(gone) > 0 {
			return nil, false, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%w: uid %d is listed and not sent", ErrIncomplete, uid)
	}
	return nil, false, fmt.Errorf("mailbox: fetch the beginning of an email: %w", err)
}

// head asks once; an email that came is no longer left.
func (f *fetch) head(ctx context.Context, uid uint32, n int64) ([]byte, error) {
	s := f.session
	p, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer p.end()
	p.pause()
	p.grant(s.allowance(n))
	p.resume()
	s.wire.limit.Store(n + sizeSlack)
	defer s.wire.limit.Store(smallLiteral)

	cmd := s.client.Fetch(imap.UIDSetNum(imap.UID(uid)), &imap.FetchOptions{
		UID:         true,
		BodySection: []*imap.FetchItemBodySection{{Peek: true, Partial: &imap.SectionPartial{Size: n}}},
	})
	head, readErr := f.readHead(cmd, n)
	err = f.release(cmd)
	if readErr != nil {
		return nil, fmt.Errorf("uid %d: %w", uid, readErr)
	}
	return head, s.explain(err)
}

func (f *fetch) readHead(cmd *imapclient.FetchCommand, n int64) (head []byte, err error) {
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			body, isBody := item.(imapclient.FetchItemDataBodySection)
			if !isBody || body.Literal == nil || len(f.left) == 0 || !isBeginning(body.Section) {
				continue
			}
			// The library ends a literal that was cut short like a complete one.
			head = make([]byte, min(body.Literal.Size(), n))
			if _, err := io.ReadFull(body.Literal, head); err != nil {
				f.broken = true
				return nil, fmt.Errorf("%w: %w", ErrIncomplete, f.session.explain(err))
			}
			clear(f.left)
		}
	}
	return head, nil
}

// isBeginning also takes a whole email, from servers that ignore the range.
func isBeginning(section *imap.FetchItemBodySection) bool {
	return section.Specifier == imap.PartSpecifierNone && len(section.Part) == 0 &&
		(section.Partial == nil || section.Partial.Offset == 0)
}
