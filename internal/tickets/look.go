package tickets

import (
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/words"
	"github.com/postern-desk/postern/mail/letter"
)

// lookFor is how a letter to the contact is written: in its own language, else its client's, else the desk's;
// with times in the client's zone, else the desk's.
func (d Desk) lookFor(c contacts.Contact) letter.Look {
	return letter.Look{Language: words.First(append(c.Languages(), d.Language)...), Zone: words.Zone(c.ClientZone, d.TimeZone),
		Logo: d.Logo, Accent: d.Accent}
}

// lookForStaff is how a letter to staff is written.
func (d Desk) lookForStaff() letter.Look { return d.lookFor(contacts.Contact{}) }

// contactOf is the ticket's contact; the zero one where it has none.
func contactOf(tx *db.Tx, t *Ticket) (contacts.Contact, error) {
	if !t.ContactID.Valid {
		return contacts.Contact{}, nil
	}
	c, _, err := contacts.GetIn(tx, t.ContactID.UUID)
	return c, err
}
