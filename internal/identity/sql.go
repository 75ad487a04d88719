package identity

const keyColumns = `id, name, role, prefix, created_at, last_used_at, revoked_at`

const sqlKeys = `select ` + keyColumns + ` from api_keys order by id desc`

const sqlLockKey = `select ` + keyColumns + ` from api_keys where id = $1 for update`

const sqlKeyInForce = `select ` + keyColumns + ` from api_keys where hash = $1 and revoked_at is null`

const sqlInsertKey = `insert into api_keys (id, name, role, hash, prefix) values ($1, $2, $3, $4, $5)`

const sqlRevokeKey = `update api_keys set revoked_at = now() where id = $1`

// Several processes may note the same use: one of them writes.
const sqlNoteUse = `
update api_keys set last_used_at = now()
where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`

const sqlForgetSessions = `
delete from admin_sessions where used_at <= now() - $1::interval or created_at <= now() - $2::interval`

const sqlInsertSession = `insert into admin_sessions (hash, api_key_id) values ($1, $2)`

const sqlSession = `
select k.id, k.name, s.used_at < now() - interval '1 minute' as stale
from admin_sessions s join api_keys k on k.id = s.api_key_id
where s.hash = $1 and s.used_at > now() - $2::interval and s.created_at > now() - $3::interval
    and k.revoked_at is null and k.role = 'admin'`

const sqlUseSession = `update admin_sessions set used_at = now() where hash = $1`

const sqlEndSession = `delete from admin_sessions where hash = $1`
