package mailboxes

const columns = `id, name, address, address_norm, from_name, imap, smtp, folders, start, start_at, staff_addresses,
    priority, reopens, sub_addressing, acknowledges, after, after_folder, paused, oauth, logo_url, accent_color, hours, version, created_at, updated_at,
    (select coalesce(jsonb_agg(jsonb_build_object('side', side, 'since', since, 'failed_at', failed_at, 'failures', failures,
        'reason', reason, 'detail', detail, 'told_at', told_at) order by side), '[]')
    from mailbox_outages where mailbox_id = mailboxes.id) as outages`

const sqlGet = `select ` + columns + ` from mailboxes where id = $1`

const sqlLock = sqlGet + ` for update`

const sqlAll = `select ` + columns + ` from mailboxes order by id`

const sqlInsert = `
insert into mailboxes (id, name, address, address_norm, from_name, imap, imap_secret, smtp, smtp_secret, folders, start,
    start_at, staff_addresses, priority, reopens, sub_addressing, acknowledges, paused, after, after_folder, oauth)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`

const sqlUpdate = `
update mailboxes set name = $2, from_name = $3, imap = $4, smtp = $5, folders = $6, staff_addresses = $7, priority = $8,
    reopens = $9, sub_addressing = $10, acknowledges = $11, paused = $12, version = $13, after = $14, after_folder = $15, updated_at = now()
where id = $1`

const sqlSetLook = `update mailboxes set logo_url = $2, accent_color = $3, hours = $4 where id = $1`

const sqlSetIMAPSecret = `update mailboxes set imap_secret = $2 where id = $1`

const sqlSetSMTPSecret = `update mailboxes set smtp_secret = $2 where id = $1`

const sqlInsertFolder = `insert into mailbox_folders (mailbox_id, name) values ($1, $2) on conflict do nothing`

// Imported archives are no folders of the server's.
const sqlFolders = `select id, mailbox_id, name, uidvalidity, generation, last_uid, start_below, created_at, polled_at, failing_since, last_error
from mailbox_folders where mailbox_id = $1 and source is null order by id`

const sqlSecrets = `
select imap_secret, smtp_secret, (select secret from mailbox_grants where mailbox_id = id) from mailboxes where id = $1`

const sqlLockGrant = `select secret from mailbox_grants where mailbox_id = $1 for update`

const sqlSetGrant = `
insert into mailbox_grants (mailbox_id, secret) values ($1, $2)
on conflict (mailbox_id) do update set secret = excluded.secret, updated_at = now()`

const sqlTouch = `update mailboxes set version = version + 1, updated_at = now() where id = $1`

const sqlPolled = `update mailbox_folders set polled_at = now(), failing_since = null, last_error = null where id = $1`

const sqlPollFailed = `update mailbox_folders set failing_since = coalesce(failing_since, now()), last_error = left($2, 500) where id = $1`

// Two mailboxes of a domain share its keys: whoever changes them through either has them alone.
const sqlLockDKIM = `select pg_advisory_xact_lock(hashtextextended('dkim ' || $1::text, 0))`

const sqlDKIMKeys = `
select selector, public, signing, created_at from dkim_keys where domain = $1 order by created_at desc, selector desc`

const sqlInsertDKIMKey = `insert into dkim_keys (domain, selector, public, secret) values ($1, $2, $3, $4)`

// What neither signs nor is, where none signs, the newest.
const sqlDropSpareDKIMKeys = `
delete from dkim_keys where domain = $1 and selector <> (
    select selector from dkim_keys where domain = $1 order by signing desc, created_at desc, selector desc limit 1)`

const sqlStopSigning = `update dkim_keys set signing = false where domain = $1 and signing`

const sqlStartSigning = `update dkim_keys set signing = true where domain = $1 and selector = $2`

const sqlSigningKey = `select selector, secret from dkim_keys where domain = $1 and signing`
