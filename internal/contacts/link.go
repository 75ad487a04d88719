package contacts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Sender is who wrote an email. Address is as written, Norm is normalised.
type Sender struct {
	Norm, Address, Name string
	Language            string // of a new contact, a tag; empty: not known
	Past                bool   // of an imported email: a new contact is no news to subscribers
}

// Linked is what we know of a sender. Contact is always there; it belongs to a client only where the
// address names exactly one. Suggested are the clients that it may belong to otherwise.
type Linked struct {
	Contact   Contact
	Suggested []uuid.UUID
}

// Link finds or creates the contact of each sender, in two queries for any number of them, and returns
// them by normalised address. An address that two clients know, or that only its domain tells about,
// links to no client: that is a suggestion for a person to take.
func Link(tx *db.Tx, senders []Sender) (map[string]Linked, error) {
	byNorm := make(map[string]Sender, len(senders))
	for _, s := range senders {
		if before, twice := byNorm[s.Norm]; !twice || before.Past {
			byNorm[s.Norm] = s
		}
	}
	norms := slices.Sorted(maps.Keys(byNorm))
	known, err := db.All[Contact](tx, sqlContactsByAddress, norms)
	if err != nil {
		return nil, fmt.Errorf("find contacts: %w", err)
	}
	linked := make(map[string]Linked, len(norms))
	of := make(map[string][]Contact, len(norms))
	for _, c := range known {
		of[*c.EmailNorm] = append(of[*c.EmailNorm], c)
	}
	var missing []Sender
	for _, norm := range norms {
		l, ok := choose(of[norm])
		if !ok {
			missing = append(missing, byNorm[norm])
		}
		linked[norm] = l
	}
	created, err := createUnlinked(tx, missing)
	if err != nil {
		return nil, err
	}
	for norm, c := range created {
		l := linked[norm]
		l.Contact = c
		linked[norm] = l
	}
	return linked, suggestByDomain(tx, linked)
}

// choose picks the contact of one client, or the unlinked one; ok is false where none is to be had.
func choose(found []Contact) (l Linked, ok bool) {
	var ofClients []Contact
	for _, c := range found {
		if c.ClientID.Valid {
			ofClients = append(ofClients, c)
		} else {
			l.Contact, ok = c, true
		}
	}
	if len(ofClients) == 1 {
		return Linked{Contact: ofClients[0]}, true
	}
	for _, c := range ofClients {
		l.Suggested = append(l.Suggested, c.ClientID.UUID)
	}
	return l, ok
}

// createUnlinked adds contacts without a client. One that another transaction has just added is read
// instead.
func createUnlinked(tx *db.Tx, senders []Sender) (map[string]Contact, error) {
	if len(senders) == 0 {
		return nil, nil
	}
	kinds := map[string]event.Kind{}
	ids, names, emails, norms, languages := make([]uuid.UUID, 0), make([]string, 0), make([]string, 0), make([]string, 0), make([]string, 0)
	for _, s := range senders {
		if kinds[s.Norm] = event.ContactCreated; s.Past {
			kinds[s.Norm] = event.ContactImported
		}
		ids = append(ids, db.NewID())
		names, emails, norms = append(names, s.Name), append(emails, s.Address), append(norms, s.Norm)
		languages = append(languages, s.Language)
	}
	added, err := db.All[Contact](tx, sqlCreateUnlinked, ids, names, emails, norms, languages)
	if err != nil {
		return nil, fmt.Errorf("create contacts: %w", err)
	}
	created := make(map[string]Contact, len(senders))
	for _, c := range added {
		created[*c.EmailNorm] = c
		recordContact(tx, kinds[*c.EmailNorm], c)
	}
	if len(created) == len(senders) {
		return created, nil
	}
	others, err := db.All[Contact](tx, sqlContactsByAddress, norms)
	if err != nil {
		return nil, fmt.Errorf("find contacts: %w", err)
	}
	for _, c := range others {
		if _, ours := created[*c.EmailNorm]; !ours && !c.ClientID.Valid {
			created[*c.EmailNorm] = c
		}
	}
	return created, nil
}

// suggestByDomain adds the clients whose domain the address of an unlinked contact has.
func suggestByDomain(tx *db.Tx, linked map[string]Linked) error {
	domains := map[string]bool{}
	for norm, l := range linked {
		if !l.Contact.ClientID.Valid {
			domains[domainOf(norm)] = true
		}
	}
	if len(domains) == 0 {
		return nil
	}
	rows, err := tx.Query(sqlClientsByDomain, slices.Sorted(maps.Keys(domains)))
	if err != nil {
		return fmt.Errorf("find clients by domain: %w", err)
	}
	defer rows.Close()
	clients := map[string][]uuid.UUID{}
	for rows.Next() {
		var domain string
		var id uuid.UUID
		if err := rows.Scan(&domain, &id); err != nil {
			return err
		}
		clients[domain] = append(clients[domain], id)
	}
	for norm, l := range linked {
		for _, id := range clients[domainOf(norm)] {
			if !l.Contact.ClientID.Valid && !slices.Contains(l.Suggested, id) {
				l.Suggested = append(l.Suggested, id)
			}
		}
		linked[norm] = l
	}
	return rows.Err()
}

func domainOf(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}

// GetIn reads one contact in the caller's transaction.
func GetIn(r db.Reader, id uuid.UUID) (Contact, bool, error) {
	return db.One[Contact](r, sqlContact, id)
}
