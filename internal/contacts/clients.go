package contacts

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/net/idna"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// ClientFields is what may be set of a client; nil leaves a field as it is.
type ClientFields struct {
	Name     *string
	Domains  *[]string
	TimeZone *string
	Language *string
	CRMRef   *string
}

// CreateClient adds a client. The name is required; the time zone and the language are the desk's unless given.
func (s *Service) CreateClient(ctx context.Context, by event.Actor, f ClientFields) (Client, error) {
	c := Client{ID: db.NewID(), Domains: []string{}, Version: 1}
	if err := f.apply(&c); err != nil {
		return Client{}, err
	}
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		c.CreatedAt, c.UpdatedAt = tx.Now(), tx.Now()
		_, err := tx.Exec(sqlInsertClient, c.ID, c.Name, c.Domains, c.TimeZone, c.Language, c.CRMRef)
		if err != nil {
			return clientFault(err)
		}
		tx.Record(event.Event{Kind: event.ClientCreated, ClientID: c.ID, SubjectID: c.ID.String(), Sequence: 1, Label: c.Name})
		return nil
	})
	return c, err
}

// UpdateClient changes a client that is still at that version, or at any where that is 0; a later one is a
// Stale fault.
func (s *Service) UpdateClient(ctx context.Context, by event.Actor, id uuid.UUID, version int, f ClientFields) (Client, error) {
	var c Client
	err := s.db.Change(ctx, by, func(tx *db.Tx) error {
		found, ok, err := db.One[Client](tx, sqlLockClient, id)
		if err != nil {
			return err
		}
		if c = found; !ok {
			return clientNotFound(id)
		}
		if version != 0 && c.Version != version {
			return stale("client")
		}
		if err := f.apply(&c); err != nil {
			return err
		}
		c.Version, c.UpdatedAt = c.Version+1, tx.Now()
		if _, err := tx.Exec(sqlUpdateClient, c.ID, c.Name, c.Domains, c.TimeZone, c.Language, c.CRMRef, c.Version); err != nil {
			return clientFault(err)
		}
		tx.Record(event.Event{Kind: event.ClientUpdated, ClientID: c.ID, SubjectID: c.ID.String(), Sequence: int64(c.Version), Label: c.Name})
		return nil
	})
	return c, err
}

// Client reads one client.
func (s *Service) Client(ctx context.Context, by event.Actor, id uuid.UUID) (Client, error) {
	var c Client
	err := s.db.View(ctx, by, func(v *db.View) error {
		found, ok, err := db.One[Client](v, sqlClient, id)
		if err == nil && !ok {
			return clientNotFound(id)
		}
		c = found
		return err
	})
	return c, err
}

// Clients lists them, newest first.
func (s *Service) Clients(ctx context.Context, by event.Actor, p Page) ([]Client, error) {
	var out []Client
	err := s.db.View(ctx, by, func(v *db.View) (err error) {
		out, err = db.All[Client](v, sqlClients, db.NullID(p.After), p.Limit)
		return err
	})
	return out, err
}

func (f ClientFields) apply(c *Client) error {
	if f.Name != nil {
		c.Name = strings.TrimSpace(*f.Name)
	}
	if c.Name == "" || len(c.Name) > 200 {
		return fault.New(fault.Invalid, "invalid_name", "a client needs a name of at most 200 bytes").In("name")
	}
	if err := cmp.Or(applyZone(&c.TimeZone, f.TimeZone), applyLanguage(&c.Language, f.Language)); err != nil {
		return err
	}
	if f.CRMRef != nil {
		c.CRMRef = emptyIsNull(*f.CRMRef)
	}
	if f.Domains != nil {
		domains, err := normalDomains(*f.Domains)
		if err != nil {
			return err
		}
		c.Domains = domains
	}
	return nil
}

func normalDomains(in []string) ([]string, error) {
	out := []string{}
	for _, d := range in {
		ascii, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimSpace(strings.TrimPrefix(d, "@"))))
		if err != nil || !strings.Contains(ascii, ".") {
			return nil, fault.New(fault.Invalid, "invalid_domain", "%q is not a domain name", d).In("domains")
		}
		if !slices.Contains(out, ascii) {
			out = append(out, ascii)
		}
	}
	if len(out) > 100 {
		return nil, fault.New(fault.Invalid, "too_many_domains", "at most 100 domains").In("domains")
	}
	return out, nil
}

func clientFault(err error) error {
	if db.Violates(err, "clients_crm_ref") {
		return fault.New(fault.Conflict, "crm_ref_taken", "another client has this CRM reference").In("crm_ref")
	}
	return err
}

func clientNotFound(id uuid.UUID) error {
	return fault.New(fault.NotFound, "client_not_found", "there is no client %s", id)
}

func stale(what string) error {
	return fault.New(fault.Stale, "stale_version", "the %s was changed meanwhile; read it again", what)
}

func emptyIsNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
