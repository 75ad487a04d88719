package contacts

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/fault"
)

// What an import does with one line.
const (
	ImportCreates = "create"
	ImportUpdates = "update"
	ImportKeeps   = "nothing" // it is so already
)

// ImportStep is what an import does, or would do, with one line; Err says why it cannot.
type ImportStep struct {
	Line    int
	Action  string
	Label   string
	Changes []string // of an update: the field, from and to
	Err     error
}

// ClientKey names a client in a file: by its CRM reference, else by its name. Zero: no client.
type ClientKey struct{ Ref, Name string }

func (k ClientKey) String() string {
	if k.Ref != "" {
		return k.Ref
	}
	return k.Name
}

// ImportClient is a client of a file. A field that is nil stays as it is.
type ImportClient struct {
	Line   int
	Fields ClientFields
}

// ImportContact is a contact of a file, known again by its CRM reference, else by its address, within its client.
type ImportContact struct {
	Line   int
	Client ClientKey
	Fields Fields
}

// CheckClients says what ImportClients would do, and changes nothing.
func (s *Service) CheckClients(ctx context.Context, by event.Actor, rows []ImportClient) (steps []ImportStep, err error) {
	err = s.db.View(ctx, by, func(v *db.View) error {
		steps, _, err = planClients(v, rows)
		return err
	})
	return steps, err
}

// ImportClients adds and updates clients in one commit with their events; a line with an error is left out.
func (s *Service) ImportClients(ctx context.Context, by event.Actor, rows []ImportClient) (steps []ImportStep, err error) {
	err = s.db.Change(ctx, by, func(tx *db.Tx) error {
		var clients []Client
		plan := func() (err error) {
			steps, clients, err = planClients(tx, rows)
			return err
		}
		if err := underLocks(tx, sqlLockClients, plan, func() []uuid.UUID { return updated(steps, func(i int) uuid.UUID { return clients[i].ID }) }); err != nil {
			return err
		}
		changed := false
		for i, c := range clients {
			e := event.Event{Kind: event.ClientCreated, ClientID: c.ID, SubjectID: c.ID.String(), Sequence: 1, Label: c.Name}
			switch steps[i].Action {
			case ImportCreates:
				tx.Queue(sqlInsertClient, c.ID, c.Name, c.Domains, c.TimeZone, c.Language, c.CRMRef)
			case ImportUpdates:
				e.Kind, e.Sequence = event.ClientUpdated, int64(c.Version+1)
				tx.Queue(sqlUpdateClient, c.ID, c.Name, c.Domains, c.TimeZone, c.Language, c.CRMRef, c.Version+1)
			default:
				continue
			}
			changed = true
			tx.Record(e)
		}
		return orNoChange(changed)
	})
	return steps, clientFault(err)
}

// underLocks plans, and again once what is to be updated cannot change any more.
func underLocks(tx *db.Tx, lock string, plan func() error, updates func() []uuid.UUID) error {
	if err := plan(); err != nil {
		return err
	}
	ids := updates()
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.Exec(lock, ids); err != nil {
		return err
	}
	return plan()
}

func updated(steps []ImportStep, id func(i int) uuid.UUID) (ids []uuid.UUID) {
	for i, step := range steps {
		if step.Action == ImportUpdates {
			ids = append(ids, id(i))
		}
	}
	return ids
}

func orNoChange(changed bool) error {
	if changed {
		return nil
	}
	return db.NoChange
}

// planClients finds what is to be done; the clients are as they will be, but for the version.
func planClients(r db.Reader, rows []ImportClient) ([]ImportStep, []Client, error) {
	keys := make([]ClientKey, len(rows))
	for i, row := range rows {
		keys[i] = ClientKey{text(row.Fields.CRMRef), text(row.Fields.Name)}
	}
	known, err := findClients(r, keys)
	if err != nil {
		return nil, nil, err
	}
	steps, clients := make([]ImportStep, len(rows)), make([]Client, len(rows))
	for i, row := range rows {
		steps[i] = ImportStep{Line: row.Line, Label: "client " + keys[i].String()}
		was, found, err := known.find(keys[i])
		if !found {
			was = Client{ID: db.NewID(), Domains: []string{}}
		}
		is := was
		if err == nil {
			err = row.Fields.apply(&is)
		}
		clients[i] = is
		if steps[i].Err = err; err != nil {
			continue
		}
		steps[i].Action = ImportCreates
		if found {
			steps[i].settle(changesOfClient(was, is))
		}
	}
	return steps, clients, nil
}

func (s *ImportStep) settle(changes []string) {
	if s.Action, s.Changes = ImportUpdates, changes; len(changes) == 0 {
		s.Action = ImportKeeps
	}
}

// knownClients are the clients that a file names, as the database has them.
type knownClients struct {
	byRef  map[string]Client
	byName map[string][]Client
}

func findClients(r db.Reader, keys []ClientKey) (knownClients, error) {
	var refs, names []string
	for _, k := range keys {
		refs, names = append(refs, k.Ref), append(names, k.Name)
	}
	known := knownClients{map[string]Client{}, map[string][]Client{}}
	found, err := db.All[Client](r, sqlClientsNamed, compacted(refs), compacted(names))
	if err != nil {
		return known, fmt.Errorf("find clients: %w", err)
	}
	for _, c := range found {
		if c.CRMRef != nil {
			known.byRef[*c.CRMRef] = c
		}
		known.byName[c.Name] = append(known.byName[c.Name], c)
	}
	return known, nil
}

// find prefers the reference. A name stands for the only client of this name; one that has another reference is
// another client.
func (k knownClients) find(key ClientKey) (Client, bool, error) {
	if c, ok := k.byRef[key.Ref]; ok && key.Ref != "" {
		return c, true, nil
	}
	named := k.byName[key.Name]
	if key.Ref != "" {
		named = slices.DeleteFunc(slices.Clone(named), func(c Client) bool { return c.CRMRef != nil })
	}
	switch {
	case key.Name == "" || len(named) == 0:
		return Client{}, false, nil
	case len(named) > 1:
		return Client{}, false, fault.New(fault.Conflict, "client_ambiguous", "%d clients are called %s; name this one by its reference", len(named), key.Name).In("client_ref")
	}
	return named[0], true, nil
}

// CheckContacts says what ImportContacts would do, and changes nothing. Clients that there are not count as new.
func (s *Service) CheckContacts(ctx context.Context, by event.Actor, rows []ImportContact) (steps []ImportStep, err error) {
	err = s.db.View(ctx, by, func(v *db.View) error {
		steps, _, err = planContacts(v, rows, true)
		return err
	})
	return steps, err
}

// ImportContacts adds and updates contacts in one commit with their events; a line with an error is left out.
func (s *Service) ImportContacts(ctx context.Context, by event.Actor, rows []ImportContact) (steps []ImportStep, err error) {
	err = s.db.Change(ctx, by, func(tx *db.Tx) error {
		var people []Contact
		plan := func() (err error) {
			steps, people, err = planContacts(tx, rows, false)
			return err
		}
		if err := underLocks(tx, sqlLockContacts, plan, func() []uuid.UUID { return updated(steps, func(i int) uuid.UUID { return people[i].ID }) }); err != nil {
			return err
		}
		changed := false
		for i, c := range people {
			switch steps[i].Action {
			case ImportCreates:
				c.Version = 1
				tx.Insert(intoContacts, c.ID, c.ClientID, c.Kind, c.Name, c.Email, c.EmailNorm, c.Phone, c.Relationship, c.CRMRef, c.Tags)
				recordContact(tx, event.ContactCreated, c)
			case ImportUpdates:
				c.Version++
				tx.Queue(sqlUpdateContact, c.ID, c.Name, c.Email, c.EmailNorm, c.Phone, c.Relationship, c.CRMRef, c.Tags, c.Version)
				recordContact(tx, event.ContactUpdated, c)
			default:
				continue
			}
			changed = true
		}
		return orNoChange(changed)
	})
	return steps, contactFault(err)
}

func planContacts(r db.Reader, rows []ImportContact, newClients bool) ([]ImportStep, []Contact, error) {
	owners, errs, err := ownersOf(r, rows, newClients)
	if err != nil {
		return nil, nil, err
	}
	known, err := findContacts(r, rows, owners)
	if err != nil {
		return nil, nil, err
	}
	steps, people := make([]ImportStep, len(rows)), make([]Contact, len(rows))
	for i, row := range rows {
		steps[i] = ImportStep{Line: row.Line, Label: labelOf(row), Err: errs[i]}
		if errs[i] != nil {
			continue
		}
		was, found, err := known.find(owners[i], row.Fields)
		if !found {
			was = Contact{ID: db.NewID(), ClientID: owners[i], Kind: cmp.Or(text(row.Fields.Kind), Person), Tags: []string{}}
		}
		is := was
		if err == nil && text(row.Fields.Kind) != "" && *row.Fields.Kind != was.Kind {
			err = fault.New(fault.Conflict, "kind_fixed", "it is a %s here, and stays one", was.Kind).In("kind")
		}
		if err == nil {
			err = row.Fields.apply(&is)
		}
		people[i] = is
		if steps[i].Err = err; err != nil {
			continue
		}
		steps[i].Action = ImportCreates
		if found {
			steps[i].settle(changesOfContact(was, is))
		}
	}
	return steps, people, nil
}

// ownersOf finds the client of each row; in a rehearsal one that there is not has an id that nothing has.
func ownersOf(r db.Reader, rows []ImportContact, newClients bool) ([]uuid.NullUUID, []error, error) {
	keys := make([]ClientKey, len(rows))
	for i, row := range rows {
		keys[i] = row.Client
	}
	clients, err := findClients(r, keys)
	if err != nil {
		return nil, nil, err
	}
	owners, errs := make([]uuid.NullUUID, len(rows)), make([]error, len(rows))
	for i, key := range keys {
		if key == (ClientKey{}) {
			continue
		}
		c, found, err := clients.find(key)
		switch {
		case err != nil:
			errs[i] = err
		case !found && newClients:
			c.ID = db.NewID()
		case !found:
			errs[i] = fault.New(fault.NotFound, "client_not_found", "there is no client %s", key).In("client")
		}
		owners[i] = uuid.NullUUID{UUID: c.ID, Valid: true}
	}
	return owners, errs, nil
}

type contactKey struct {
	owner uuid.NullUUID
	key   string
}

// knownContacts are the contacts that a file names, as the database has them.
type knownContacts struct{ byRef, byAddress map[contactKey]Contact }

func findContacts(r db.Reader, rows []ImportContact, owners []uuid.NullUUID) (knownContacts, error) {
	var refs, addresses []string
	var ids []uuid.UUID
	for i, row := range rows {
		refs, addresses = append(refs, text(row.Fields.CRMRef)), append(addresses, row.Fields.EmailNorm)
		ids = append(ids, owners[i].UUID)
	}
	known := knownContacts{map[contactKey]Contact{}, map[contactKey]Contact{}}
	found, err := db.All[Contact](r, sqlContactsNamed, ids, refs, compacted(refs), compacted(addresses))
	if err != nil {
		return known, fmt.Errorf("find contacts: %w", err)
	}
	for _, c := range found {
		if c.CRMRef != nil {
			known.byRef[contactKey{c.ClientID, *c.CRMRef}] = c
		}
		if c.EmailNorm == nil {
			continue
		}
		// Only persons have an address to themselves.
		if at := (contactKey{c.ClientID, *c.EmailNorm}); c.Kind == Person || known.byAddress[at].ID == uuid.Nil {
			known.byAddress[at] = c
		}
	}
	return known, nil
}

func (k knownContacts) find(owner uuid.NullUUID, f Fields) (Contact, bool, error) {
	ref, address := text(f.CRMRef), f.EmailNorm
	byRef, foundRef := k.byRef[contactKey{owner, ref}]
	byAddress, foundAddress := k.byAddress[contactKey{owner, address}]
	foundRef, foundAddress = foundRef && ref != "", foundAddress && address != ""
	switch {
	case foundRef && foundAddress && byRef.ID != byAddress.ID && byAddress.Kind == Person && byRef.Kind == Person:
		return byRef, true, fault.New(fault.Conflict, "email_taken", "another contact of this client has this address").In("email")
	case foundRef:
		return byRef, true, nil
	case foundAddress && ref != "" && byAddress.CRMRef != nil:
		return byAddress, true, fault.New(fault.Conflict, "crm_ref_differs", "the contact with this address has the reference %s", *byAddress.CRMRef).In("crm_ref")
	case foundAddress:
		return byAddress, true, nil
	}
	return Contact{}, false, nil
}
