package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emersion/go-imap/v2"
)

// What a list of folders may take of memory.
const (
	maxFolders     = 100_000
	maxFolderBytes = 16 << 20
)

// Open opens a folder read-only (EXAMINE, RFC 9051 6.3.3) or looks at it afresh.
// A failure is ErrNoFolder if the server refused, and no folder is open then.
func (s *Session) Open(ctx context.Context, folder string) (Folder, error) {
	s.forgetNews()
	s.opened, s.folder = false, folder
	s.changed.Store(false)
	var data *imap.SelectData
	err := s.run(ctx, func() error {
		var err error
		data, err = s.client.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
		return err
	})
	switch {
	case errors.Is(err, ErrRefused):
		return Folder{}, fmt.Errorf("mailbox: open folder %q: %w: %w", folder, ErrNoFolder, err)
	case err != nil:
		return Folder{}, fmt.Errorf("mailbox: open folder %q: %w", folder, err)
	case data.UIDValidity == 0:
		// RFC 9051 2.3.1.1: without it UIDs mean nothing tomorrow.
		return Folder{}, fmt.Errorf("mailbox: open folder %q: %w (no UIDVALIDITY)", folder, ErrProtocol)
	}
	s.opened = true
	next := uint32(data.UIDNext)
	guessed := next == 0
	if guessed {
		// RFC 9051 6.3.2 demands UIDNEXT and RFC 2060 6.3.1 did not. Who sees
		// none would think that nothing is new.
		highest, err := s.highestUID(ctx)
		if err != nil {
			return Folder{}, fmt.Errorf("mailbox: open folder %q: find the last email: %w", folder, err)
		}
		next = max(highest, highest+1)
	}
	return Folder{Name: folder, UIDValidity: data.UIDValidity, UIDNext: next, Guessed: guessed, Messages: data.NumMessages}, nil
}

// Folders returns the names of all folders that can be opened, sorted.
func (s *Session) Folders(ctx context.Context) ([]string, error) {
	var (
		names []string
		bytes int
	)
	err := s.run(ctx, func() error {
		cmd := s.client.List("", "*", nil)
		for data := cmd.Next(); data != nil; data = cmd.Next() {
			if bytes += len(data.Mailbox); bytes > maxFolderBytes || len(names) == maxFolders {
				s.guard.end(ErrProtocol)
				continue
			}
			if !slices.Contains(data.Attrs, imap.MailboxAttrNoSelect) && !slices.Contains(data.Attrs, imap.MailboxAttrNonExistent) {
				names = append(names, data.Mailbox)
			}
		}
		return cmd.Close()
	})
	if err != nil {
		return nil, fmt.Errorf("mailbox: list folders: %w", err)
	}
	slices.Sort(names)
	return names, nil
}
