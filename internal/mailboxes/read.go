package mailboxes

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Get reads one mailbox.
func (s *Service) Get(ctx context.Context, by event.Actor, id uuid.UUID) (Mailbox, error) {
	var m Mailbox
	err := s.db.View(ctx, by, func(v *db.View) error {
		found, ok, err := db.One[Mailbox](v, sqlGet, id)
		if err == nil && !ok {
			return notFound(id)
		}
		m = found
		return err
	})
	return m, err
}

// List is every mailbox, oldest first. A desk has few: there are no pages.
func (s *Service) List(ctx context.Context, by event.Actor) ([]Mailbox, error) {
	var out []Mailbox
	err := s.db.View(ctx, by, func(v *db.View) (err error) {
		out, err = All(v)
		return err
	})
	return out, err
}

// All is List inside a transaction.
func All(r db.Reader) ([]Mailbox, error) { return db.All[Mailbox](r, sqlAll) }

// FoldersOf lists how far the folders of a mailbox were read.
func (s *Service) FoldersOf(ctx context.Context, id uuid.UUID) ([]Folder, error) {
	var out []Folder
	err := s.db.View(ctx, event.System("mailboxes"), func(v *db.View) (err error) {
		out, err = db.All[Folder](v, sqlFolders, id)
		return err
	})
	return out, err
}

// Secrets opens the passwords of a mailbox.
func (s *Service) Secrets(ctx context.Context, id uuid.UUID) (Secrets, error) {
	var imap, smtp, sealed []byte
	err := s.db.View(ctx, event.System("mailboxes"), func(v *db.View) error {
		return v.QueryRow(sqlSecrets, id).Scan(&imap, &smtp, &sealed)
	})
	if err != nil {
		return Secrets{}, fmt.Errorf("read the passwords of mailbox %s: %w", id, err)
	}
	imapPlain, err := s.vault.Open("mailbox password", imap)
	if err != nil {
		return Secrets{}, fmt.Errorf("open the IMAP password of mailbox %s: %w", id, err)
	}
	smtpPlain, err := s.vault.Open("mailbox password", smtp)
	if err != nil {
		return Secrets{}, fmt.Errorf("open the SMTP password of mailbox %s: %w", id, err)
	}
	out := Secrets{IMAP: string(imapPlain), SMTP: string(smtpPlain)}
	if sealed != nil {
		g, err := s.openGrant(sealed)
		if err != nil {
			return Secrets{}, fmt.Errorf("open the sign-in of mailbox %s: %w", id, err)
		}
		out.ClientSecret, out.Refresh = g.ClientSecret, g.Refresh
	}
	return out, nil
}

// Polled notes that a folder was read to its end, or why it could not be. The text of a failure is kept
// for the operator; it holds no password.
func (s *Service) Polled(ctx context.Context, folderID int64, failure error) error {
	return s.db.Bookkeep(ctx, "mailboxes", func(tx *db.Tx) error {
		if failure == nil {
			tx.Queue(sqlPolled, folderID)
			return nil
		}
		// A server's words may be any bytes; PostgreSQL takes neither NUL nor broken UTF-8.
		words := strings.ReplaceAll(strings.ToValidUTF8(failure.Error(), "\uFFFD"), "\x00", "")
		tx.Queue(sqlPollFailed, folderID, words)
		return nil
	})
}
