package mailbox

import (
	"context"
	"fmt"
	"io"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// FetchHead reads the first n bytes of an email, or all of a shorter one: what can be told of an email
// that is too large to be fetched. ok is false where the email is gone.
func (s *Session) FetchHead(ctx context.Context, uid uint32, n int64) (head []byte, ok bool, err error) {
	p, err := s.begin(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("mailbox: fetch the beginning of an email: %w", err)
	}
	defer p.end()
	s.wire.limit.Store(n + sizeSlack)
	defer s.wire.limit.Store(smallLiteral)
	cmd := s.client.Fetch(imap.UIDSetNum(imap.UID(uid)), &imap.FetchOptions{
		UID:         true,
		BodySection: []*imap.FetchItemBodySection{{Peek: true, Partial: &imap.SectionPartial{Size: n}}},
	})
	readErr := func() error {
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			for item := msg.Next(); item != nil; item = msg.Next() {
				body, isBody := item.(imapclient.FetchItemDataBodySection)
				if !isBody || body.Literal == nil || ok {
					continue
				}
				// The library ends a literal that was cut short like a complete one.
				head = make([]byte, min(body.Literal.Size(), n))
				if _, err := io.ReadFull(body.Literal, head); err != nil {
					return fmt.Errorf("%w: uid %d: %w", ErrIncomplete, uid, err)
				}
				ok = true
			}
		}
		return nil
	}()
	err = ignoreExpunged(cmd.Close())
	if readErr != nil {
		err = readErr
	}
	if err != nil {
		return nil, false, fmt.Errorf("mailbox: fetch the beginning of an email: %w", s.explain(err))
	}
	return head, ok, nil
}
