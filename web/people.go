package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
)

// people is the contacts: persons and organisations.
type people struct{ contacts *contacts.Service }

// Contact is a person or an organisation that the desk knows.
type Contact struct {
	ID           uuid.UUID  `json:"id" format:"uuid"`
	ClientID     *uuid.UUID `json:"client_id" format:"uuid"`
	Kind         string     `json:"kind" enum:"person,organisation"`
	Name         string     `json:"name"`
	Email        *string    `json:"email"`
	Phone        *string    `json:"phone"`
	Relationship *string    `json:"relationship"`
	CRMRef       *string    `json:"crm_ref"`
	Tags         []string   `json:"tags" nullable:"false"`
	Language     string     `json:"language" doc:"Of letters; empty: the client's"`
	Version      int        `json:"version"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
}

func showContact(c contacts.Contact) Contact {
	return Contact{ID: c.ID, ClientID: idOrNull(c.ClientID), Kind: c.Kind, Name: c.Name, Email: c.Email, Phone: c.Phone,
		Relationship: c.Relationship, CRMRef: c.CRMRef, Tags: c.Tags, Language: c.Language, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}
}

// NewContact is what a contact is made with: a person has a name or an address, an organisation a name.
type NewContact struct {
	ClientID *uuid.UUID `json:"client_id,omitempty" format:"uuid"`
	Kind     *string    `json:"kind,omitempty" enum:"person,organisation" doc:"person where absent"`
	ContactFields
}

// ContactFields is what may be set and changed of a contact; what is absent stays.
type ContactFields struct {
	Name         *string   `json:"name,omitempty" maxLength:"200"`
	Email        *string   `json:"email,omitempty" maxLength:"600" doc:"Empty: none"`
	Phone        *string   `json:"phone,omitempty" maxLength:"100" doc:"Empty: none"`
	Relationship *string   `json:"relationship,omitempty" maxLength:"200" doc:"Empty: none"`
	CRMRef       *string   `json:"crm_ref,omitempty" maxLength:"200" doc:"Empty: none"`
	Tags         *[]string `json:"tags,omitempty" nullable:"false" maxItems:"2" enum:"vip,emergency"`
	Language     *string   `json:"language,omitempty" maxLength:"35" doc:"Language tag of letters to this contact. Empty: the client's, else the desk's" example:"de-CH"`
}

func (f ContactFields) fields() (contacts.Fields, error) {
	out := contacts.Fields{Name: linePointer(f.Name), Phone: linePointer(f.Phone), Relationship: linePointer(f.Relationship),
		CRMRef: linePointer(f.CRMRef), Tags: linesPointer(f.Tags), Email: f.Email, Language: linePointer(f.Language)}
	if textOf(f.Email) == "" {
		return out, nil
	}
	p, err := readPerson(*f.Email, "body.email")
	out.Email, out.EmailNorm = &p.Address, p.Norm
	return out, err
}

type contactListInput struct {
	Client uuid.UUID `query:"client" format:"uuid"`
	Email  string    `query:"email" maxLength:"600"`
	Paging
}

func (s people) list(ctx context.Context, in *contactListInput) (*listOf[Contact], error) {
	const list = "contacts"
	after, err := afterID(list, in.Cursor)
	if err != nil {
		return nil, err
	}
	f := contacts.Filter{ClientID: in.Client}
	if in.Email != "" {
		p, err := readPerson(in.Email, "query.email")
		if err != nil {
			return nil, err
		}
		f.EmailNorm = p.Norm
	}
	found, err := s.contacts.List(ctx, actorOf(ctx), f, contacts.Page{After: after, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	return paged(found, in.Limit, func(c contacts.Contact) string { return newCursor(list, c.ID.String()) }, showContact), nil
}

func (s people) create(ctx context.Context, in *struct{ Body NewContact }) (*made[Contact], error) {
	fields, err := in.Body.fields()
	if err != nil {
		return nil, err
	}
	fields.ClientID, fields.Kind = in.Body.ClientID, in.Body.Kind
	c, err := s.contacts.Create(ctx, actorOf(ctx), fields)
	if err != nil {
		return nil, err
	}
	return &made[Contact]{Location: "/v1/contacts/" + c.ID.String(), ETag: etag(c.Version), Body: showContact(c)}, nil
}

func (s people) read(ctx context.Context, in *byID) (*one[Contact], error) {
	c, err := s.contacts.Get(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &one[Contact]{ETag: etag(c.Version), Body: showContact(c)}, nil
}

type contactPatchInput struct {
	IfMatch
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body ContactFields
}

func (s people) update(ctx context.Context, in *contactPatchInput) (*one[Contact], error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	fields, err := in.Body.fields()
	if err != nil {
		return nil, err
	}
	c, err := s.contacts.Update(ctx, actorOf(ctx), in.ID, version, fields)
	if err != nil {
		return nil, err
	}
	return &one[Contact]{ETag: etag(c.Version), Body: showContact(c)}, nil
}
