package web

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/contacts"
)

// clients is the customer accounts.
type clients struct{ contacts *contacts.Service }

// Client is a customer account.
type Client struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Name      string    `json:"name"`
	Domains   []string  `json:"domains" nullable:"false" doc:"Whose unknown addresses suggest this client"`
	TimeZone  string    `json:"time_zone" doc:"Empty: the desk's"`
	Language  string    `json:"language" doc:"Empty: the desk's"`
	CRMRef    *string   `json:"crm_ref"`
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func showClient(c contacts.Client) Client {
	return Client{ID: c.ID, Name: c.Name, Domains: c.Domains, TimeZone: c.TimeZone, Language: c.Language, CRMRef: c.CRMRef,
		Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}
}

// NewClient is what a client is made with.
type NewClient struct {
	Name string `json:"name" minLength:"1" maxLength:"200"`
	ClientOptions
}

// ClientPatch is what may be changed of a client; what is absent stays.
type ClientPatch struct {
	Name *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	ClientOptions
}

// ClientOptions is what a client need not have.
type ClientOptions struct {
	Domains  *[]string `json:"domains,omitempty" nullable:"false" maxItems:"100" example:"[\"acme.example\"]"`
	TimeZone *string   `json:"time_zone,omitempty" maxLength:"64" doc:"IANA name, in which letters give times; the desk's where absent or empty" example:"Europe/Paris"`
	Language *string   `json:"language,omitempty" maxLength:"35" doc:"Language tag of letters; where the desk does not speak it, or it is absent or empty, the desk's" example:"de-CH"`
	CRMRef   *string   `json:"crm_ref,omitempty" maxLength:"200" doc:"Empty: none"`
}

func (o ClientOptions) fields(name *string) contacts.ClientFields {
	return contacts.ClientFields{Name: linePointer(name), Domains: linesPointer(o.Domains), TimeZone: linePointer(o.TimeZone),
		Language: linePointer(o.Language), CRMRef: linePointer(o.CRMRef)}
}

func (s clients) list(ctx context.Context, in *struct{ Paging }) (*listOf[Client], error) {
	const list = "clients"
	after, err := afterID(list, in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := s.contacts.Clients(ctx, actorOf(ctx), contacts.Page{After: after, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	return paged(found, in.Limit, func(c contacts.Client) string { return newCursor(list, c.ID.String()) }, showClient), nil
}

func (s clients) create(ctx context.Context, in *struct{ Body NewClient }) (*made[Client], error) {
	c, err := s.contacts.CreateClient(ctx, actorOf(ctx), in.Body.fields(&in.Body.Name))
	if err != nil {
		return nil, err
	}
	return &made[Client]{Location: "/v1/clients/" + c.ID.String(), ETag: etag(c.Version), Body: showClient(c)}, nil
}

func (s clients) read(ctx context.Context, in *byID) (*one[Client], error) {
	c, err := s.contacts.Client(ctx, actorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &one[Client]{ETag: etag(c.Version), Body: showClient(c)}, nil
}

type clientPatchInput struct {
	IfMatch
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body ClientPatch
}

func (s clients) update(ctx context.Context, in *clientPatchInput) (*one[Client], error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	c, err := s.contacts.UpdateClient(ctx, actorOf(ctx), in.ID, version, in.Body.fields(in.Body.Name))
	if err != nil {
		return nil, err
	}
	return &one[Client]{ETag: etag(c.Version), Body: showClient(c)}, nil
}
