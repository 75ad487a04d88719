package backup

const sqlMoment = `select now(), current_setting('server_version')`

// Left out: what the migrations write, and who is alive. A partition's rows are its parent's.
const sqlTables = `
select c.relname::text,
    array(select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum),
    c.relforcerowsecurity,
    not row_security_active(c.oid) or exists (select from pg_policy p
        where p.polrelid = c.oid and p.polpermissive and p.polcmd = '*' and pg_get_expr(p.polqual, p.polrelid) = 'true'
          and (select oid from pg_roles where rolname = current_user) = any(p.polroles))
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
  and c.relname not in ('goose_db_version', 'river_migration', 'river_leader', 'river_client', 'river_client_queue', 'river_notification',
    'processes', 'watchers', 'mailbox_leases')
order by 1`

// Only the months: the default partitions come with the schema.
const sqlPartitions = `
select c.relname::text from pg_class c join pg_inherits i on i.inhrelid = c.oid
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname ~ '_[0-9]{6}$' order by 1`

const sqlSequences = `
select sequencename::text, last_value from pg_sequences where schemaname = 'public' and last_value is not null order by 1`

const sqlArrows = `
select conrelid::regclass::text, confrelid::regclass::text from pg_constraint
where contype = 'f' and connamespace = 'public'::regnamespace and conparentid = 0 and conrelid <> confrelid`

// A desk that beats is running on this database.
const sqlRuns = `select exists (select from processes where beat_at > now() - interval '10 seconds')`

const sqlMonth = `select ensure_month($1, to_date($2, 'YYYYMM'))`

const sqlContinue = `select setval(c.oid::regclass, $2) from pg_class c where c.relname = $1 and c.relkind = 'S' and c.relnamespace = 'public'::regnamespace`

// A poll waits in the queue of the process that held the mailbox; the next holder asks for its own.
const sqlForgetPolls = `delete from river_job where kind = 'poll_mailbox' and finalized_at is null`

// What was being done when the backup began is nobody's work any more.
const sqlReleaseJobs = `update river_job set state = 'available', scheduled_at = now() where state = 'running'`

// Whether a server has these letters nobody knows; a person resends those that did not arrive.
const sqlHoldLetters = `
update letters set state = 'unknown', unknowns = 2, last_code = null, last_error = $1
where state in ('queued', 'sending') or state = 'unknown' and unknowns < 2`
