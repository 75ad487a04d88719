package db

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
)

type recorded struct {
	id    uuid.UUID
	by    event.Actor
	event event.Event
}

const sqlInsertAudit = `
insert into audit_entries (event_id, kind, module, action, actor_kind, actor_id, actor_name, on_behalf_of, client_id, subject_id, label, detail)
select event_id, kind, module, action, actor_kind, actor_id, actor_name, nullif(behalf, ''), nullif(client, '')::uuid, subject, label, detail::jsonb
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
    as e(event_id, kind, module, action, actor_kind, actor_id, actor_name, behalf, client, subject, label, detail)`

const sqlInsertEvents = `
insert into webhook_events (id, type, client_id, subject_id, sequence, data)
select id, type, nullif(client, '')::uuid, subject, sequence, data::jsonb
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[]) as e(id, type, client, subject, sequence, data)`

// auditRows and eventRows are columns: one statement writes the record of a whole batch.
type auditRows struct {
	ids                                                       []uuid.UUID
	kinds, modules, actions, actorKinds, actorIDs, actorNames []string
	behalfs, clients, subjects, labels, details               []string
}

type eventRows struct {
	ids                            []uuid.UUID
	types, clients, subjects, data []string
	sequences                      []int64
}

// queueRecord queues the audit entries and webhook events of everything that was recorded, and the key of
// the request.
func (t *Tx) queueRecord() error {
	if len(t.events) == 0 {
		return nil
	}
	t.keepKey()
	var audit auditRows
	var events eventRows
	for _, r := range t.events {
		spec, known := event.Catalogue[r.event.Kind]
		if !known {
			return fmt.Errorf("event kind %q is not in the catalogue", r.event.Kind)
		}
		if err := audit.add(r, spec); err != nil {
			return err
		}
		if !spec.Public {
			continue
		}
		if err := events.add(r); err != nil {
			return err
		}
	}
	t.Queue(sqlInsertAudit, audit.ids, audit.kinds, audit.modules, audit.actions, audit.actorKinds, audit.actorIDs,
		audit.actorNames, audit.behalfs, audit.clients, audit.subjects, audit.labels, audit.details)
	if len(events.ids) > 0 {
		t.Queue(sqlInsertEvents, events.ids, events.types, events.clients, events.subjects, events.sequences, events.data)
	}
	return nil
}

func (a *auditRows) add(r recorded, spec event.Spec) error {
	detail := []byte("{}")
	if r.event.Detail != nil {
		var err error
		if detail, err = json.Marshal(r.event.Detail); err != nil {
			return fmt.Errorf("detail of %s: %w", r.event.Kind, err)
		}
	}
	a.ids = append(a.ids, r.id)
	a.kinds = append(a.kinds, string(r.event.Kind))
	a.modules = append(a.modules, spec.Module)
	a.actions = append(a.actions, spec.Action)
	a.actorKinds = append(a.actorKinds, r.by.Kind)
	a.actorIDs = append(a.actorIDs, r.by.ID)
	a.actorNames = append(a.actorNames, r.by.Name)
	a.behalfs = append(a.behalfs, r.by.OnBehalfOf)
	a.clients = append(a.clients, idText(r.event.ClientID))
	a.subjects = append(a.subjects, r.event.SubjectID)
	a.labels = append(a.labels, r.event.Label)
	a.details = append(a.details, string(detail))
	return nil
}

func (e *eventRows) add(r recorded) error {
	data, err := json.Marshal(r.event.Data)
	if err != nil {
		return fmt.Errorf("data of %s: %w", r.event.Kind, err)
	}
	e.ids = append(e.ids, r.id)
	e.types = append(e.types, string(r.event.Kind))
	e.clients = append(e.clients, idText(r.event.ClientID))
	e.subjects = append(e.subjects, r.event.SubjectID)
	e.sequences = append(e.sequences, r.event.Sequence)
	e.data = append(e.data, string(data))
	return nil
}

func idText(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}
