package contacts

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// Fields is what may be set of a contact; nil leaves a field as it is.
type Fields struct {
	ClientID     *uuid.UUID // only when created
	Kind         *string    // only when created
	Name         *string
	Email        *string
	EmailNorm    string // of Email, made by the door that knows addresses
	Phone        *string
	Relationship *string
	CRMRef       *string
	Tags         *[]string
	Language     *string
}

// Create adds a contact. A person is known by name or address, an organisation by name.
func (s *Service) Create(ctx context.Context, by event.Actor, f Fields) (Contact, error) {
	c := Contact{ID: db.NewID(), Kind: Person, Tags: []string{}, Version: 1}
	if f.ClientID != nil {
		c.ClientID = uuid.NullUUID{UUID: *f.ClientID, Valid: true}
	}
	if f.Kind != nil {
		c.Kind = *f.Kind
	}
	if err := f.apply(&c); err != nil {
		return Contact{}, err
	}
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		c.CreatedAt, c.UpdatedAt = tx.Now(), tx.Now()
		if err := insert(tx, c); err != nil {
			return err
		}
		if err := f.keepLanguage(tx, c); err != nil {
			return err
		}
		recordContact(tx, event.ContactCreated, c)
		return nil
	})
	return c, err
}

// Update changes a contact that is still at that version, or at any where that is 0; a later one is a Stale
// fault.
func (s *Service) Update(ctx context.Context, by event.Actor, id uuid.UUID, version int, f Fields) (Contact, error) {
	var c Contact
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		found, ok, err := db.One[Contact](tx, sqlLockContact, id)
		if err != nil {
			return err
		}
		if c = found; !ok {
			return contactNotFound(id)
		}
		if version != 0 && c.Version != version {
			return stale("contact")
		}
		if err := f.apply(&c); err != nil {
			return err
		}
		c.Version, c.UpdatedAt = c.Version+1, tx.Now()
		_, err = tx.Exec(sqlUpdateContact, c.ID, c.Name, c.Email, c.EmailNorm, c.Phone, c.Relationship, c.CRMRef, c.Tags, c.Version)
		if err != nil {
			return contactFault(err)
		}
		if err := f.keepLanguage(tx, c); err != nil {
			return err
		}
		recordContact(tx, event.ContactUpdated, c)
		return nil
	})
	return c, err
}

// Get reads one contact.
func (s *Service) Get(ctx context.Context, by event.Actor, id uuid.UUID) (Contact, error) {
	var c Contact
	err := s.db.View(ctx, by, func(v *db.View) error {
		found, ok, err := db.One[Contact](v, sqlContact, id)
		if err == nil && !ok {
			return contactNotFound(id)
		}
		c = found
		return err
	})
	return c, err
}

// Filter narrows a list of contacts; zero fields do not.
type Filter struct {
	ClientID  uuid.UUID
	EmailNorm string
}

// List is newest first.
func (s *Service) List(ctx context.Context, by event.Actor, f Filter, p Page) ([]Contact, error) {
	var out []Contact
	err := s.db.View(ctx, by, func(v *db.View) (err error) {
		switch after := db.NullID(p.After); {
		case f.EmailNorm != "":
			out, err = db.All[Contact](v, sqlContactsAtAddress, f.EmailNorm, db.NullID(f.ClientID), after, p.Limit)
		case f.ClientID != uuid.Nil:
			out, err = db.All[Contact](v, sqlContactsOfClient, f.ClientID, after, p.Limit)
		default:
			out, err = db.All[Contact](v, sqlContacts, after, p.Limit)
		}
		return err
	})
	return out, err
}

func (f Fields) apply(c *Contact) error {
	if f.Name != nil {
		c.Name = strings.TrimSpace(*f.Name)
	}
	if f.Email != nil {
		c.Email, c.EmailNorm = emptyIsNull(*f.Email), emptyIsNull(f.EmailNorm)
	}
	if f.Phone != nil {
		c.Phone = emptyIsNull(*f.Phone)
	}
	if f.Relationship != nil {
		c.Relationship = emptyIsNull(*f.Relationship)
	}
	if f.CRMRef != nil {
		c.CRMRef = emptyIsNull(*f.CRMRef)
	}
	if f.Tags != nil {
		c.Tags = slices.Clone(*f.Tags)
	}
	if err := applyLanguage(&c.Language, f.Language); err != nil {
		return err
	}
	switch {
	case c.Kind != Person && c.Kind != Organisation:
		return fault.New(fault.Invalid, "invalid_kind", "kind must be person or organisation").In("kind")
	case c.Name == "" && (c.Kind == Organisation || c.Email == nil):
		return fault.New(fault.Invalid, "invalid_name", "a contact needs a name, a person at least an email address").In("name")
	case (c.Email == nil) != (c.EmailNorm == nil):
		return fault.New(fault.Invalid, "invalid_email", "that is not an email address").In("email")
	case len(c.Name) > 200:
		return fault.New(fault.Invalid, "invalid_name", "a name has at most 200 bytes").In("name")
	}
	for _, tag := range c.Tags {
		if tag != VIP && tag != "emergency" {
			return fault.New(fault.Invalid, "invalid_tag", "tags of a contact are vip and emergency").In("tags")
		}
	}
	return nil
}

func insert(tx *db.Tx, c Contact) error {
	_, err := tx.Exec(sqlInsertContact, c.ID, c.ClientID, c.Kind, c.Name, c.Email, c.EmailNorm, c.Phone, c.Relationship, c.CRMRef, c.Tags)
	return contactFault(err)
}

func recordContact(tx *db.Tx, kind event.Kind, c Contact) {
	tx.Record(event.Event{Kind: kind, ClientID: c.ClientID.UUID, SubjectID: c.ID.String(), Sequence: int64(c.Version),
		Label: c.Name, Data: c.Snapshot()})
}

func contactFault(err error) error {
	switch {
	case db.Violates(err, "contacts_address"):
		return fault.New(fault.Conflict, "email_taken", "this client has a contact with this address").In("email")
	case db.Violates(err, "contacts_crm_ref"):
		return fault.New(fault.Conflict, "crm_ref_taken", "another contact of this client has this CRM reference").In("crm_ref")
	case db.Violates(err, "contacts_client_id_fkey"):
		return fault.New(fault.Invalid, "client_not_found", "there is no such client").In("client_id")
	}
	return err
}

func contactNotFound(id uuid.UUID) error {
	return fault.New(fault.NotFound, "contact_not_found", "there is no contact %s", id)
}
