package mailbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// changeAtOnce is how many emails one command names: lines of some servers have 8,000 bytes.
const changeAtOnce = 200

// Emails names emails of one folder. Dates are their INTERNALDATEs in the same order: an email that has another
// is not the one that is meant, as on a server that was restored from a backup, and is left alone.
type Emails struct {
	Folder      string
	UIDValidity uint32
	UIDs        []uint32
	Dates       []time.Time
}

// MarkSeen marks emails as read. Those that are gone are left out. It is ErrRenumbered where the folder's
// UIDs are no longer those. Afterwards no folder is open for reading.
func (s *Session) MarkSeen(ctx context.Context, e Emails) error {
	return s.change(ctx, e, func(set imap.UIDSet) error { return s.addFlag(ctx, set, imap.FlagSeen) })
}

// MoveTo moves emails to another folder, by MOVE (RFC 6851) or else by copying and expunging just them
// (RFC 4315, UIDPLUS). It is ErrNoMove, and nothing is done, where the server has neither: an EXPUNGE without
// UIDs would remove what somebody else has marked. It is ErrNoTarget where there is no such folder to move to.
func (s *Session) MoveTo(ctx context.Context, e Emails, folder string) error {
	if !s.caps.Has(imap.CapMove) && !s.caps.Has(imap.CapUIDPlus) {
		return fmt.Errorf("mailbox: move emails: %w", ErrNoMove)
	}
	return s.change(ctx, e, func(set imap.UIDSet) error {
		if s.caps.Has(imap.CapMove) {
			return noTarget(s.run(ctx, func() error { _, err := s.client.Move(set, folder).Wait(); return err }))
		}
		// One after the other: the library's own way around a missing MOVE sends all three at once, and
		// expunges where the copy failed.
		if err := s.run(ctx, func() error { _, err := s.client.Copy(set, folder).Wait(); return err }); err != nil {
			return noTarget(err)
		}
		if err := s.addFlag(ctx, set, imap.FlagDeleted); err != nil {
			return err
		}
		return s.run(ctx, func() error { return s.client.UIDExpunge(set).Close() })
	})
}

// change opens the folder for writing; to read, it is to be opened again.
func (s *Session) change(ctx context.Context, e Emails, act func(imap.UIDSet) error) error {
	s.opened = false
	var validity uint32
	err := s.run(ctx, func() error {
		data, err := s.client.Select(e.Folder, nil).Wait()
		if err == nil {
			validity = data.UIDValidity
		}
		return err
	})
	switch {
	case errors.Is(err, ErrRefused) && s.lacks(ctx, e.Folder):
		return fmt.Errorf("mailbox: open folder %q for changes: %w: %w", e.Folder, ErrNoFolder, err)
	case err != nil:
		return fmt.Errorf("mailbox: open folder %q for changes: %w", e.Folder, err)
	case validity != e.UIDValidity:
		return fmt.Errorf("mailbox: change emails in folder %q: %w", e.Folder, ErrRenumbered)
	}
	for from := 0; from < len(e.UIDs); from += changeAtOnce {
		to := min(from+changeAtOnce, len(e.UIDs))
		set, err := s.meant(ctx, e.UIDs[from:to], e.Dates[from:to])
		if err == nil && len(set) > 0 {
			err = act(set)
		}
		if err != nil {
			return fmt.Errorf("mailbox: change emails in folder %q: %w", e.Folder, err)
		}
	}
	return nil
}

// lacks reports whether the server lists no folder of that name: a refusal alone may pass.
func (s *Session) lacks(ctx context.Context, folder string) bool {
	there := false
	err := s.run(ctx, func() error {
		found, err := s.client.List("", folder, nil).Collect()
		for _, f := range found {
			there = there || f.Mailbox == folder || strings.EqualFold(folder, "INBOX")
		}
		return err
	})
	return err == nil && !there
}

// meant are the emails that are there with the date that they had.
func (s *Session) meant(ctx context.Context, uids []uint32, dates []time.Time) (set imap.UIDSet, err error) {
	var all imap.UIDSet
	known := make(map[imap.UID]time.Time, len(uids))
	for i, uid := range uids {
		all.AddNum(imap.UID(uid))
		known[imap.UID(uid)] = dates[i]
	}
	err = s.run(ctx, func() error {
		found, err := s.client.Fetch(all, &imap.FetchOptions{UID: true, InternalDate: true}).Collect()
		for _, m := range found {
			if date, ok := known[m.UID]; ok && date.Equal(m.InternalDate) {
				set.AddNum(m.UID)
			}
		}
		return err
	})
	return set, err
}

func (s *Session) addFlag(ctx context.Context, set imap.UIDSet, flag imap.Flag) error {
	return s.run(ctx, func() error {
		return ignoreExpunged(s.client.Store(set, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}, nil).Close())
	})
}

// noTarget is for a refused MOVE or COPY: what there is to refuse is the folder (RFC 9051 6.4.7, TRYCREATE).
func noTarget(err error) error {
	if errors.Is(err, ErrRefused) {
		return fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	return err
}
