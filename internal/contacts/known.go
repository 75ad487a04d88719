package contacts

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
)

// Known is a contact that is there, and how its client is called.
type Known struct {
	Contact    Contact
	ClientName string
	ClientRef  string
}

// KnownAs finds the contacts that Link would link to, by normalised address, and makes none: an address that nobody
// has is not in the answer, and one that two clients know is so without a client.
func KnownAs(r db.Reader, norms []string) (map[string]Known, error) {
	found, err := db.All[Contact](r, sqlContactsByAddress, norms)
	if err != nil {
		return nil, fmt.Errorf("find contacts: %w", err)
	}
	of := map[string][]Contact{}
	for _, c := range found {
		of[*c.EmailNorm] = append(of[*c.EmailNorm], c)
	}
	known, clients := map[string]Known{}, []uuid.UUID{}
	for norm, all := range of {
		if l, ok := choose(all); ok || l.Contact.ID != uuid.Nil {
			known[norm] = Known{Contact: l.Contact}
			if l.Contact.ClientID.Valid {
				clients = append(clients, l.Contact.ClientID.UUID)
			}
		}
	}
	if len(clients) == 0 {
		return known, nil
	}
	type named struct {
		ID   uuid.UUID `db:"id"`
		Name string    `db:"name"`
		Ref  string    `db:"ref"`
	}
	names, err := db.All[named](r, sqlNamesOfClients, clients)
	if err != nil {
		return nil, fmt.Errorf("find clients: %w", err)
	}
	for norm, k := range known {
		for _, n := range names {
			if k.Contact.ClientID.Valid && k.Contact.ClientID.UUID == n.ID {
				k.ClientName, k.ClientRef = n.Name, n.Ref
				known[norm] = k
			}
		}
	}
	return known, nil
}
