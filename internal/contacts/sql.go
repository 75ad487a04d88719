package contacts

const clientColumns = `id, name, domains, time_zone, language, crm_ref, version, created_at, updated_at`

const sqlClient = `select ` + clientColumns + ` from clients where id = $1`

const sqlLockClient = sqlClient + ` for update`

const sqlClients = `select ` + clientColumns + ` from clients
where $1::uuid is null or id < $1 order by id desc limit $2`

const sqlInsertClient = `insert into clients (id, name, domains, time_zone, language, crm_ref) values ($1, $2, $3, $4, $5, $6)`

const sqlUpdateClient = `update clients set name = $2, domains = $3, time_zone = $4, language = $5, crm_ref = $6, version = $7, updated_at = now()
where id = $1`

const contactColumns = `id, client_id, kind, name, email, email_norm, phone, relationship, crm_ref, tags, version, created_at, updated_at,
    coalesce(language, '') as language, coalesce((select language from clients where clients.id = client_id), '') as client_language,
    coalesce((select time_zone from clients where clients.id = client_id), '') as client_zone`

const sqlContact = `select ` + contactColumns + ` from contacts where id = $1`

const sqlLockContact = sqlContact + ` for update`

const sqlContacts = `select ` + contactColumns + ` from contacts
where $1::uuid is null or id < $1 order by id desc limit $2`

const sqlContactsOfClient = `select ` + contactColumns + ` from contacts
where client_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`

// An address has few contacts.
const sqlContactsAtAddress = `select ` + contactColumns + ` from contacts
where email_norm = $1 and ($2::uuid is null or client_id = $2) and ($3::uuid is null or id < $3) order by id desc limit $4`

const sqlInsertContact = `
insert into contacts (id, client_id, kind, name, email, email_norm, phone, relationship, crm_ref, tags)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

const sqlUpdateContact = `
update contacts set name = $2, email = $3, email_norm = $4, phone = $5, relationship = $6, crm_ref = $7, tags = $8,
    version = $9, updated_at = now()
where id = $1`

const sqlContactsByAddress = `select ` + contactColumns + ` from contacts
where email_norm = any($1) and kind = 'person' order by email_norm, client_id`

// The senders come sorted by address, so that two transactions that add the same ones cannot deadlock.
const sqlCreateUnlinked = `
insert into contacts (id, name, email, email_norm, language)
select id, name, email, norm, nullif(language, '')
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) as s(id, name, email, norm, language)
on conflict (email_norm, client_id) where email_norm is not null and kind = 'person' do nothing
returning ` + contactColumns

const sqlNamesOfClients = `select id, name, coalesce(crm_ref, '') as ref from clients where id = any($1)`

const sqlClientsByDomain = `
select d.domain, c.id from unnest($1::text[]) as d(domain) join clients c on c.domains @> array[d.domain] order by c.id`
