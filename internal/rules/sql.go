package rules

const columns = `id, name, position, enabled, asked_of, condition, actions, failures, last_error, failed_at, version, created_at, updated_at`

const sqlEnabled = `select ` + columns + ` from rules where enabled order by position, id`

const sqlAll = `select ` + columns + ` from rules order by position, id`

const sqlGet = `select ` + columns + ` from rules where id = $1`

const sqlLock = sqlGet + ` for update`

const sqlVersion = `select coalesce((select version from rules_version), 0)`

// One change of a rule at a time: who counts them, or takes the last position, sees all of them.
const sqlNextVersion = `
insert into rules_version (one, version) values (true, 1)
on conflict (one) do update set version = rules_version.version + 1 returning version`

const sqlCount = `select count(*) from rules`

const sqlLastPosition = `select coalesce(max(position), 0) from rules`

const sqlInsert = `
insert into rules (id, name, position, enabled, asked_of, condition, actions) values ($1, $2, $3, $4, $5, $6, $7)`

const sqlUpdate = `
update rules set name = $2, position = $3, enabled = $4, asked_of = $5, condition = $6, actions = $7, failures = $8, last_error = $9,
    failed_at = $10, version = $11, updated_at = now()
where id = $1`

const sqlDelete = `delete from rules where id = $1`

// Locked in one order: two batches whose emails the same rules fail on cannot deadlock.
const sqlCountFailures = `
with failed as (
    select r.id, v.n, v.why from unnest($1::uuid[], $2::bigint[], $3::text[]) as v(id, n, why)
    join rules r on r.id = v.id order by r.id for update of r)
update rules r set failures = r.failures + f.n, last_error = left(f.why, 500), failed_at = now() from failed f where r.id = f.id`
