package mailbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

const (
	// firstSpan is how many UIDs the first page of a list covers.
	firstSpan = 1_000
	// maxPage is how many emails a page holds; twice as many are in memory.
	maxPage = 10_000
	// maxFlags and maxFlag bound what is kept of an email's flags: their number,
	// and the bytes of one.
	maxFlags = 100
	maxFlag  = 100
	// listTries is how often a page is asked for when answers lack something.
	listTries = 3
)

// List calls fn with every email whose UID is in [from, to], in rising UID
// order; to 0 means all that the server has reported by now (Open and Noop make
// it report). It holds at most 20,000 of them in memory. No command is under way
// while fn runs, so fn may use the session. An error of fn ends the list.
func (s *Session) List(ctx context.Context, from, to uint32, fn func(Meta) error) error {
	if to == 0 {
		s.forgetNews()
	}
	top, err := s.highestUID(ctx)
	if err != nil {
		return fmt.Errorf("mailbox: find the last email: %w", err)
	}
	if to == 0 || to > top {
		to = top
	}
	span := uint32(firstSpan)
	for from = max(from, 1); from <= to; {
		last := from + min(span-1, to-from)
		page, full, err := s.page(ctx, from, last)
		if err != nil {
			return fmt.Errorf("mailbox: list uids %d to %d: %w", from, last, err)
		}
		for _, m := range page {
			if err := fn(m); err != nil {
				return err
			}
		}
		if full {
			last, span = page[len(page)-1].UID, maxPage
		} else {
			span = nextSpan(span, len(page))
		}
		if last == to {
			return nil
		}
		from = last + 1
	}
	return nil
}

// nextSpan widens the pages of a sparse folder and narrows those of a dense one.
func nextSpan(span uint32, found int) uint32 {
	switch {
	case found < maxPage/8 && span < 1<<30:
		return span * 4
	case found > maxPage/2:
		return max(span/2, firstSpan)
	}
	return span
}

// highestUID asks for the UID of the last email by its sequence number, since
// the library does not recognise the answer to "*". 0 means no email.
func (s *Session) highestUID(ctx context.Context) (uint32, error) {
	if err := s.alive(ctx); err != nil {
		return 0, err
	}
	if !s.opened {
		return 0, errors.New("no folder is open: open one first")
	}
	for range listTries {
		last := s.wire.exists.Load()
		if last <= 0 {
			return 0, nil
		}
		var highest uint32
		err := s.describe(ctx, imap.SeqSetNum(uint32(last)), func(a answer) {
			highest = max(highest, a.meta.UID)
		})
		if err != nil || highest > 0 {
			return highest, err
		}
	}
	return 0, fmt.Errorf("%w: the last email has no UID", ErrIncomplete)
}

// page returns the emails in [from, to] sorted by UID. If they are more than
// maxPage, it is full and holds the lowest.
func (s *Session) page(ctx context.Context, from, to uint32) (page []Meta, full bool, err error) {
	var uids imap.UIDSet
	uids.AddRange(imap.UID(from), imap.UID(to))
	for range listTries {
		page, full = nil, false
		partial := false
		err := s.describe(ctx, uids, func(a answer) {
			partial = partial || !a.whole
			page = append(page, a.meta)
			if len(page) == 2*maxPage {
				page, full = lowest(page), true
			}
		})
		if err != nil {
			return nil, false, err
		}
		if !partial {
			full = full || len(page) > maxPage
			return lowest(page), full, nil
		}
	}
	return nil, false, fmt.Errorf("%w: the list lacks sizes or dates", ErrIncomplete)
}

// lowest returns the up to maxPage lowest UIDs of a page, sorted.
func lowest(page []Meta) []Meta {
	slices.SortFunc(page, func(a, b Meta) int { return cmp.Compare(a.UID, b.UID) })
	return page[:min(len(page), maxPage)]
}

// answer is one FETCH response. It is not whole when the server reported a
// change of flags in its place (RFC 9051 7.5.2), which the library takes for
// the answer; the true answer then went unseen.
type answer struct {
	meta  Meta
	whole bool
}

// describe asks for the metadata of emails. Those that are gone have no answer.
func (s *Session) describe(ctx context.Context, set imap.NumSet, each func(answer)) error {
	return s.run(ctx, func() error {
		cmd := s.client.Fetch(set, &imap.FetchOptions{UID: true, Flags: true, InternalDate: true, RFC822Size: true})
		for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
			each(readAnswer(msg))
		}
		return ignoreExpunged(cmd.Close())
	})
}

func readAnswer(msg *imapclient.FetchMessageData) answer {
	var (
		a           answer
		size, dated bool
	)
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			a.meta.UID = uint32(item.UID)
		case imapclient.FetchItemDataRFC822Size:
			a.meta.Size, size = item.Size, true
		case imapclient.FetchItemDataInternalDate:
			a.meta.InternalDate, dated = item.Time, true
		case imapclient.FetchItemDataFlags:
			a.meta.Flags = keepFlags(item.Flags)
		}
	}
	a.whole = a.meta.UID > 0 && size && dated
	return a
}

func keepFlags(flags []imap.Flag) []string {
	var kept []string
	for _, flag := range flags {
		if len(kept) < maxFlags && len(flag) <= maxFlag {
			kept = append(kept, string(flag))
		}
	}
	return kept
}

// ignoreExpunged takes "some of these emails are gone" for success: who is gone
// shows in the answers (RFC 5530 3, EXPUNGEISSUED).
func ignoreExpunged(err error) error {
	var refused *imap.Error
	if errors.As(err, &refused) && refused.Code == "EXPUNGEISSUED" {
		return nil
	}
	return err
}
