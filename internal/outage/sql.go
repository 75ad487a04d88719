package outage

// A failure counts, and is worth telling once there were enough of them for long enough.
const sqlFailed = `
insert into mailbox_outages (mailbox_id, side, reason, detail) values ($1, $2, $3, left($4, 500))
on conflict (mailbox_id, side) do update
set failures = mailbox_outages.failures + 1, failed_at = now(), reason = excluded.reason, detail = excluded.detail
returning told_at is null and failures >= $5 and since <= now() - $6::interval`

const columns = `side, since, failed_at, failures, reason, detail, told_at`

const sqlTold = `update mailbox_outages set told_at = now() where mailbox_id = $1 and side = $2 and told_at is null returning ` + columns

const sqlForget = `delete from mailbox_outages where mailbox_id = $1 and side = $2 and told_at is null`

const sqlEnd = `delete from mailbox_outages where mailbox_id = $1 and side = $2 returning ` + columns

const sqlTelling = `update mailboxes set tellings = tellings + 1 where id = $1 returning tellings`
