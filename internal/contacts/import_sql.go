package contacts

import "github.com/postern-desk/postern/internal/db"

// The limits keep the server at its indexes, whatever it last knew of how many rows there are: an import makes
// tables grow faster than they are counted.
const sqlClientsNamed = `
select c.* from unnest($1::text[]) as k(ref) cross join lateral (
    select ` + clientColumns + ` from clients where crm_ref = k.ref limit 1) c
union
select c.* from unnest($2::text[]) as k(called) cross join lateral (
    select ` + clientColumns + ` from clients where name = k.called limit 100) c`

// $1 and $2 are pairs; contacts without a client are looked for apart, since no index finds a NULL among values.
const sqlContactsNamed = `
select c.* from unnest($1::uuid[], $2::text[]) as k(owner, ref) cross join lateral (
    select ` + contactColumns + ` from contacts where client_id = k.owner and crm_ref = k.ref limit 1) c
union all
select c.* from unnest($3::text[]) as k(ref) cross join lateral (
    select ` + contactColumns + ` from contacts where client_id is null and crm_ref = k.ref limit 1) c
union all
select c.* from unnest($4::text[]) as k(norm) cross join lateral (
    select ` + contactColumns + ` from contacts where email_norm = k.norm limit 1000) c`

const sqlInsertContacts = `
insert into contacts (id, client_id, kind, name, email, email_norm, phone, relationship, crm_ref, tags)
select id, client_id, kind, name, email, norm, phone, relationship, crm_ref, tags::text[]
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
    as c(id, client_id, kind, name, email, norm, phone, relationship, crm_ref, tags)`

var intoContacts = &db.Insert{SQL: sqlInsertContacts}

const sqlLockClients = `select id from clients where id = any($1) order by id for update`

const sqlLockContacts = `select id from contacts where id = any($1) order by id for update`
