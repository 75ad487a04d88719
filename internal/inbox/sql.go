package inbox

const emailColumns = `id, mailbox_id, folder_id, uidvalidity, uid, size, internal_date, accepted_at, message_id, disposition, reason,
    class, ticket_id, from_address, subject, processed_at, attempts, last_error, sha256`

const sqlEmail = `select ` + emailColumns + ` from inbound_emails where id = $1`

const sqlLockFolder = `
select last_uid from mailbox_folders where id = $1 and uidvalidity = $2 and generation = $3 for update`

// A late email lies below the cursor, which never goes back.
const sqlMoveCursor = `update mailbox_folders set last_uid = greatest(last_uid, $2), polled_at = now() where id = $1`

// A UIDVALIDITY that comes back, as after a restored backup, needs a generation of its own.
const sqlRestartFolder = `
update mailbox_folders set uidvalidity = $2, last_uid = 0, start_below = $3,
    generation = coalesce((select max(generation) + 1 from inbound_emails where folder_id = $1 and uidvalidity = $2), 0)
where id = $1 returning generation`

const sqlCompare = `
select coalesce(bool_or(e.internal_date <> k.internal_date), false),
    coalesce(array_agg(k.uid order by k.uid) filter (where e.uid is null), '{}')
from unnest($4::bigint[], $5::timestamptz[]) as k(uid, internal_date)
left join inbound_emails e on e.folder_id = $1 and e.uidvalidity = $2 and e.generation = $3 and e.uid = k.uid`

// Two readers may find the same late email: the cursor, which else shows the second one that it is behind,
// does not move for it.
const sqlInsertEmails = `
insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, sha256, message_id,
    oversize, disposition, reason, processed_at, untidied)
select $1, $2, $3, $4, uid, size, internal_date, sum, message_id, oversize, disposition, reason,
    case when disposition is not null then now() end,
    disposition is null and (select after <> 'nothing' from mailboxes where id = $1)
from unnest($5::bigint[], $6::bigint[], $7::timestamptz[], $8::bytea[], $9::text[], $10::boolean[], $11::text[], $12::text[])
    as e(uid, size, internal_date, sum, message_id, oversize, disposition, reason)
order by uid
on conflict (folder_id, uidvalidity, generation, uid) do nothing
returning id`

const sqlClaimEmails = `
update inbound_emails e set attempts = attempts + 1
where id = any($1) and disposition is null and ` + notWaiting + `
returning ` + claimedColumns

const sqlClaimFresh = `
update inbound_emails e set attempts = attempts + 1
where id = any($1) and disposition is null and attempts = 0 and ` + notWaiting + `
returning ` + claimedColumns

const sqlFresh = `
select ` + claimedColumns + ` from inbound_emails e
where id = any($1) and disposition is null and attempts = 0 and ` + notWaiting + ` order by id`

const notWaiting = `(accepted_at <= now() - $2::interval
    or not exists (select from inbound_emails p where p.id = e.waits_for and p.disposition is null))`

// Who has waited once does not wait again: an email is read twice at most, whatever else comes under the
// ids that it names.
const claimedColumns = `id, mailbox_id, sha256, size, internal_date, message_id, oversize, attempts, accepted_at,
    coalesce((select import_as from mailbox_folders f where f.id = e.folder_id), '') as import_as,
    accepted_at > now() - $2::interval and waits_for is null as waits_still`

const sqlUnrouted = `select id from inbound_emails where id = any($1) and disposition is null order by id`

const sqlLockEmails = `select id from inbound_emails where id = any($1) and disposition is null order by id for update`

// What the rules' version is comes along: it costs no round trip of its own, and a rule that was changed before an
// email is routed is in force for it, whichever process changed it.
const sqlLockToRoute = `
select id, coalesce((select version from rules_version), 0) as rules
from inbound_emails where id = any($1) and disposition is null order by id for update`

// The hash is PostgreSQL's own and the same in every process. The order is that of the hashes: two ids may
// share one.
const sqlLockThreads = `
select pg_advisory_xact_lock(h) from (select distinct hashtextextended(id, 0) as h from unnest($1::text[]) as id order by h) as ids`

const sqlOurLetters = `select rfc_message_id from letters where rfc_message_id = any($1)`

const sqlPendingParents = `
select message_id, min(id) as id from inbound_emails
where disposition is null and message_id <> '' and message_id = any($1) group by message_id`

// Two numbers: no hash of a Message-ID meets them.
const sqlLockWaits = `select pg_advisory_xact_lock(1886353268, 1)`

const sqlWait = `update inbound_emails set waits_for = $2, attempts = greatest(attempts - 1, 0) where id = $1`

// From $1 on along what each waits for, while that is not routed.
const sqlLeadsBack = `
with recursive chain as (
    select id, waits_for, 1 as n from inbound_emails where id = $1 and disposition is null
    union all
    select e.id, e.waits_for, c.n + 1 from chain c join inbound_emails e on e.id = c.waits_for
    where e.disposition is null and c.id <> $2 and c.n < $3)
select coalesce(bool_or(id = $2), false) or count(*) >= $3 from chain`

const sqlWoken = `select id from inbound_emails where disposition is null and waits_for = any($1) order by id`

const sqlTakeKeys = `
insert into email_keys (key, email_id) select * from unnest($1::bytea[], $2::bigint[]) on conflict (key) do nothing returning key`

const sqlMoveKey = `update email_keys set email_id = $2 where key = $1`

// The keys come sorted. Who reads an owner has its key locked: two copies cannot both take the place of a third.
const sqlLockKeys = `select from email_keys where key = any($1) order by key for update`

// Here is whether a rule set the owner aside in the folder that the copy ($2, in the order of the keys) lies in.
const sqlKeyOwners = `
select k.key, k.email_id, e.ticket_id,
    coalesce(e.disposition = 'spam' and starts_with(e.reason, $3) and e.folder_id = c.folder_id, false) as ruled_here
from unnest($1::bytea[], $2::bigint[]) as v(key, id) join email_keys k on k.key = v.key
join inbound_emails e on e.id = k.email_id join inbound_emails c on c.id = v.id`

// A merge that is going on is waited for, and its ticket followed.
const sqlTicketsNow = `select id, coalesce(merged_into, id) as now from tickets where id = any($1) order by id for key share`

const sqlSettleEmails = `
update inbound_emails e set disposition = v.disposition, reason = v.reason, class = v.class, ticket_id = v.ticket_id,
    from_address = v.from_address, subject = v.subject, processed_at = now(), last_error = null
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[])
    as v(id, disposition, reason, class, ticket_id, from_address, subject)
where e.id = v.id`

const sqlNoteFailures = `
update inbound_emails e set last_error = left(v.error, 500) from unnest($1::bigint[], $2::text[]) as v(id, error) where e.id = v.id`

const sqlCount = `update inbound_emails set attempts = attempts + 1 where id = any($1)`

const sqlUncount = `update inbound_emails set attempts = greatest(attempts - 1, 0) where id = any($1)`

const sqlForgotten = `
with busy as materialized (
    select e.id::bigint as id from river_job j, jsonb_array_elements_text(j.args -> 'email_ids') as e(id)
    where j.kind = 'ingest_emails' and j.state in ('available', 'pending', 'running', 'scheduled', 'retryable'))
select id from inbound_emails i
where disposition is null and accepted_at < now() - interval '2 minutes'
  and not exists (select from busy b where b.id = i.id)
order by id limit 5000`

const sqlPurgeRaw = `
with old as (
    select id, sha256 from inbound_emails
    where sha256 is not null and processed_at < now() - make_interval(days => $1) order by processed_at limit $2 for update)
update inbound_emails e set sha256 = null from old where e.id = old.id returning old.sha256`

const sqlHasUntidied = `select exists (select from inbound_emails where mailbox_id = $1 and untidied and disposition is not null)`

const sqlLeaveUntidied = `
update inbound_emails e set untidied = false
where mailbox_id = $1 and untidied and disposition is not null and (disposition = 'quarantined' or not exists (select from mailbox_folders f
    where f.id = e.folder_id and f.uidvalidity = e.uidvalidity and f.generation = e.generation))`

// A folder that begins anew between this statement and the one before it has other UIDs: those rows are none of it.
const sqlUntidied = `
select f.name as folder, e.uidvalidity, array_agg(e.id order by e.uid) as ids, array_agg(e.uid order by e.uid) as uids,
    array_agg(e.internal_date order by e.uid) as dates
from (select id, uid, folder_id, uidvalidity, generation, internal_date from inbound_emails
    where mailbox_id = $1 and untidied and disposition is not null order by id limit 1000) e
join mailbox_folders f on f.id = e.folder_id and f.uidvalidity = e.uidvalidity and f.generation = e.generation
group by f.id, e.uidvalidity`

const sqlTidied = `update inbound_emails set untidied = false where id = any($1)`

// The source is opened again with each run; another run may open what it finds in another way.
const sqlOpenSource = `
insert into mailbox_folders (mailbox_id, name, source, import_as) values ($1, $2, $3, $4)
on conflict (mailbox_id, name) do update set import_as = excluded.import_as
returning id, mailbox_id, name, uidvalidity, generation, last_uid, start_below, created_at, polled_at, failing_since, last_error`

const sqlFindSource = `
select id, mailbox_id, name, uidvalidity, generation, last_uid, start_below, created_at, polled_at, failing_since, last_error
from mailbox_folders where mailbox_id = $1 and name = $2`

// Nothing is to be tidied up after these: no mail server has them.
const sqlInsertImported = `
insert into inbound_emails (mailbox_id, folder_id, uidvalidity, generation, uid, size, internal_date, sha256, message_id, oversize)
select $1, $2, $3, $4, uid, size, internal_date, sum, message_id, oversize
from unnest($5::bigint[], $6::bigint[], $7::timestamptz[], $8::bytea[], $9::text[], $10::boolean[])
    as e(uid, size, internal_date, sum, message_id, oversize)
order by uid
on conflict (folder_id, uidvalidity, generation, uid) do nothing
returning id`

const sqlHeldUIDs = `
select uid from inbound_emails where folder_id = $1 and uidvalidity = $2 and generation = $3 and uid = any($4)`

const sqlAtPosition = `
select size, sha256, oversize from inbound_emails where folder_id = $1 and uidvalidity = $2 and generation = $3 and uid = $4`

const sqlUnroutedOfFolders = `
select id from inbound_emails where disposition is null and folder_id = any($1) and id > $2 order by id limit $3`

const sqlCountOfFolders = `
select coalesce(disposition, '') as disposition, count(*) as emails from inbound_emails where folder_id = any($1) group by 1 order by 1`

const sqlKnownKeys = `select key from email_keys where key = any($1)`

const sqlLockEmail = sqlEmail + ` for update`

const sqlReread = `select ` + claimedColumns + ` from inbound_emails e where id = $1`

const sqlLockKey = `select from email_keys where key = $1 for update`

const sqlKeyOwner = `
select k.email_id, exists (select from messages m where m.ticket_id = coalesce(t.merged_into, t.id) and m.email_id = e.id) as joined
from email_keys k join inbound_emails e on e.id = k.email_id left join tickets t on t.id = e.ticket_id where k.key = $1`

const sqlNumbersOfTickets = `select id, number from tickets where id = any($1)`

const sqlIsAcknowledged = `select exists (select from letters where ticket_id = $1 and kind = 'acknowledgement')`

// The ledger's rows of a range of UIDs beside what the server lists of it. Of emails that the ledger lacks every
// one is named, of the others the first ones. The row without a kind counts the ledger's.
const sqlCompareRange = `
with k as (select * from unnest($6::bigint[], $7::bigint[], $8::timestamptz[]) as k(uid, size, internal_date)),
e as materialized (
    select id, uid, size, internal_date, sha256, disposition, accepted_at from inbound_emails
    where folder_id = $1 and uidvalidity = $2 and generation = $3 and uid > $4 and uid <= $5),
found as (
    select kind, uid, id from (
        select coalesce(e.uid, k.uid) as uid, coalesce(e.id, 0) as id, array_remove(array[
            case when e.uid is null then 'missing' end,
            case when k.uid is null then 'gone' end,
            case when e.size <> k.size and e.internal_date <> k.internal_date then 'replaced'
                when e.size <> k.size or e.internal_date <> k.internal_date then 'changed' end,
            case when e.disposition is null and e.accepted_at < now() - interval '1 hour' then 'undecided' end,
            case when e.id is not null and e.sha256 is not null
                and not exists (select from blob_chunks b where b.sha256 = e.sha256 and b.n = 0) then 'bytes_missing' end], null) as kinds
        from e full join k on k.uid = e.uid) as d, unnest(kinds) as kind)
select kind, count(*) as count, (array_agg(uid order by uid))[1:case when kind = 'missing' then count(*)::integer else $9::integer end] as uids,
    (array_agg(id order by uid))[1:$9] as ids
from found group by kind
union all select '', count(*), '{}', '{}' from e`

const sqlInsertReport = `
insert into mailbox_reports (mailbox_id, folder_id, server, ledger, differences) values ($1, $2, $3, $4, $5)`

const sqlForgetReports = `delete from mailbox_reports where folder_id = $1 and at < now() - make_interval(days => $2)`

const sqlLastReports = `
select f.id as folder_id, f.name as folder, r.at, r.server, r.ledger, r.differences
from mailbox_folders f, lateral (select * from mailbox_reports r where r.folder_id = f.id order by at desc limit 1) as r
where f.mailbox_id = $1 order by f.id`

const sqlUncompared = `
select distinct f.mailbox_id from mailbox_folders f join mailboxes m on m.id = f.mailbox_id
where not m.paused and f.source is null and f.uidvalidity <> 0 and f.name = any(m.folders)
  and not exists (select from mailbox_reports r where r.folder_id = f.id and r.at >= $1)`

// Each disposition by its index: a desk that is full of spam is not read through.
const sqlTriable = `
select e.*, coalesce(t.priority, 2) as priority, coalesce(t.tags, '{}') as tags, coalesce(t.custom, '{}') as custom,
    coalesce(t.acknowledged, false) as acknowledged, coalesce(t.requester_address, '') as requester
from (
    (select ` + emailColumns + ` from inbound_emails where disposition = 'opened' and id < $1 order by id desc limit $2)
    union all
    (select ` + emailColumns + ` from inbound_emails where disposition = 'replied' and id < $1 order by id desc limit $2)
    order by id desc limit $2) e
left join lateral (
    select priority, tags, custom, requester_address,
        (select true from letters l where l.ticket_id = tickets.id and l.kind = 'acknowledgement' limit 1) as acknowledged
    from tickets where tickets.id = e.ticket_id limit 1) t on true
order by e.id desc`
