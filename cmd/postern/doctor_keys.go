package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/vault"
)

// checkKeys opens every stored password and returns the service that can read those of the mailboxes in the set.
// It makes no key: one in the place of a lost one would hide the loss.
func (d *doctor) checkKeys(ctx context.Context, boxes []mailboxes.Mailbox) openedBoxes {
	const name = "secret key"
	file := d.set.KeyFile()
	remedy := "put the right key back from a backup: cp BACKUP/secret.key " + file + "; if it is lost for good: postern mailbox set ADDRESS --lost-key, for each mailbox"
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) && len(boxes) == 0 {
		d.ok(name, file+" is not there yet; it is made when the first secret is kept")
		return openedBoxes{}
	}
	if err != nil {
		d.fail(name, err.Error(), remedy)
		return openedBoxes{}
	}
	keys, err := vault.Open(file)
	if err != nil {
		d.fail(name, err.Error(), remedy)
		return openedBoxes{}
	}
	opened := openedBoxes{service: mailboxes.New(d.store.db, keys), ids: map[uuid.UUID]bool{}}
	var shut []string
	for _, m := range boxes {
		secrets, err := opened.service.Secrets(ctx, m.ID)
		if err != nil {
			shut = append(shut, m.Address)
			continue
		}
		opened.ids[m.ID] = true
		for _, secret := range []string{secrets.IMAP, secrets.SMTP, secrets.ClientSecret, secrets.Refresh} {
			d.hide(secret)
		}
	}
	switch {
	case len(shut) > 0:
		d.fail(name, fmt.Sprintf("%s does not open the passwords of %s", file, strings.Join(shut[:min(len(shut), 10)], ", ")), remedy)
	case info.Mode().Perm()&0o077 != 0:
		d.warn(name, fmt.Sprintf("%s may be read by others (%s)", file, info.Mode().Perm()), "chmod 600 "+file)
	default:
		d.ok(name, fmt.Sprintf("%s opens the passwords of %d mailboxes", file, len(boxes)))
	}
	return opened
}

// openedBoxes are the mailboxes whose secrets the key opens.
type openedBoxes struct {
	service *mailboxes.Service
	ids     map[uuid.UUID]bool
}
