package tickets

import (
	"github.com/postern-desk/postern/internal/contacts"
	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/wording"
)

// readerOf is whom a letter to the contact is written for: in its own language, else its client's; with times in the
// client's zone.
func readerOf(c contacts.Contact) wording.Reader {
	return wording.Reader{Languages: c.Languages(), Zone: c.ClientZone}
}

// staff are readers of whom nothing is known.
var staff = wording.Reader{}

// contactOf is the ticket's contact; the zero one where it has none.
func contactOf(tx *db.Tx, t *Ticket) (contacts.Contact, error) {
	if !t.ContactID.Valid {
		return contacts.Contact{}, nil
	}
	c, _, err := contacts.GetIn(tx, t.ContactID.UUID)
	return c, err
}
