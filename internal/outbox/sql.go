package outbox

import "github.com/postern-desk/postern/internal/db"

const columns = `id, kind, mailbox_id, client_id, ticket_id, message_ref, recipients, subject, rfc_message_id,
    state, attempts, unknowns, next_attempt_at, give_up_at, last_code, last_error, sent_at, created_at`

const sqlLockLetter = `select ` + columns + ` from letters where id = $1 for update`

const sqlLetters = `select ` + columns + ` from letters where $1::uuid is null or id < $1 order by id desc limit $2`

const sqlLettersByState = `select ` + columns + ` from letters
where state = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`

const sqlLettersOfTicket = `select ` + columns + ` from letters
where ticket_id = $1 and ($2::uuid is null or id < $2) and ($3 = '' or state = $3) order by id desc limit $4`

const sqlInsertLetters = `
insert into letters (id, kind, mailbox_id, client_id, ticket_id, message_ref, recipients, subject,
    rfc_message_id, bounce_hash, give_up_at)
select id, kind, mailbox_id, client_id, ticket_id, message_ref, recipients::text[], subject, rfc_id, bounce, give_up
from unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::bytea[],
    $11::timestamptz[]) as l(id, kind, mailbox_id, client_id, ticket_id, message_ref, recipients, subject, rfc_id, bounce, give_up)`

const sqlInsertBytes = `insert into letter_bytes (letter_id, data) select * from unnest($1::uuid[], $2::bytea[])`

// A letter comes after the ticket that it is about, its bytes after it.
var (
	intoLetters = &db.Insert{SQL: sqlInsertLetters, Order: 4}
	intoBytes   = &db.Insert{SQL: sqlInsertBytes, Order: 5}
)

const sqlHasBytes = `select exists (select from letter_bytes where letter_id = $1)`

const sqlLook = `
select id, mailbox_id, state, unknowns, next_attempt_at,
    coalesce((select octet_length(data) from letter_bytes where letter_id = letters.id), 0) as size
from letters where id = any($1)`

// The locks are taken in the order of the ids: two processes that meet do not deadlock.
const sqlHoldLetters = `
select ` + columns + `, (select data from letter_bytes where letter_id = letters.id) as sealed,
    (select signature from letter_bytes where letter_id = letters.id) as signature
from letters where id = any($1) order by id for update`

// A signature stays, and counts while its attempt is the letter's.
const sqlKeepSignatures = `
update letter_bytes b set signature = s.signature
from unnest($1::uuid[], $2::integer[], $3::bytea[]) as s(id, attempt, signature) join letters l on l.id = s.id
where b.letter_id = s.id and b.signature is null and l.attempts = s.attempt and l.` + stillOurs + ` returning b.letter_id`

const sqlClaim = `update letters set state = 'sending', attempts = attempts + 1 where id = any($1)`

const sqlHolds = `select exists (select from letters where id = $1 and attempts = $2 and ` + stillOurs + `)`

const sqlGiveBack = `update letters set state = 'queued', attempts = attempts - 1 where id = $1 and attempts = $2 and ` + stillOurs

const sqlCutOff = `
update letters l set state = 'unknown', unknowns = unknowns + 1, last_code = null, last_error = $3, next_attempt_at = now() + c.pause
from unnest($1::uuid[], $2::interval[]) as c(id, pause) where l.id = c.id`

// A report counts while its attempt is the letter's last. One that ends the letter counts even where somebody
// took the process for dead meanwhile; any other does not, since another job then has the letter.
const (
	stillOurs     = `state = 'sending'`
	stillTheOnly  = `state in ('sending', 'unknown')`
	sqlSettleSent = `
update letters l set state = 'sent', sent_at = now(), last_code = nullif(s.code, 0), last_error = null
from unnest($1::uuid[], $2::integer[], $3::integer[]) as s(id, attempt, code)
where l.id = s.id and l.attempts = s.attempt and l.` + stillTheOnly + ` returning l.id`

	sqlSettleFailed = `
update letters set state = 'failed', last_code = nullif($3, 0), last_error = $4
where id = $1 and attempts = $2 and ` + stillTheOnly

	sqlSettleLater = `
update letters set state = 'queued', last_code = nullif($3, 0), last_error = $4, next_attempt_at = now() + $5::interval
where id = $1 and attempts = $2 and ` + stillOurs

	sqlSettleUnknown = `
update letters set state = 'unknown', unknowns = unknowns + 1, last_code = nullif($3, 0), last_error = $4,
    next_attempt_at = now() + $5::interval
where id = $1 and attempts = $2 and ` + stillOurs
)

const sqlResend = `update letters set state = 'queued', unknowns = 0, next_attempt_at = now(), give_up_at = $2 where id = $1`

// Letters that wait for their next attempt, and the jobs that sleep until then.
const (
	sqlHurryLetters = `
update letters set next_attempt_at = now() + $2::interval
where mailbox_id = $1 and state = 'queued' and attempts > 0 and next_attempt_at > now() + $2::interval returning id`

	sqlHurryJobs = `
update river_job set scheduled_at = now() + $2::interval
where kind = 'send_letter' and state = 'scheduled' and scheduled_at > now() + $2::interval and (args ->> 'letter_id')::uuid = any($1)`
)

// The jobs are gathered once and hashed; letters outnumber them by far.
const sqlForgotten = `
with busy as materialized (
    select (args ->> 'letter_id')::uuid as id from river_job
    where kind = 'send_letter' and state in ('available', 'pending', 'running', 'scheduled', 'retryable'))
select id from letters l
where state in ('queued', 'sending', 'unknown') and unknowns < 2 and next_attempt_at < now() - interval '1 minute'
  and not exists (select from busy b where b.id = l.id)
order by id limit 1000`

// A letter may have been tried for days: its bytes' own age only spares the look at young ones.
const sqlPurgeBytes = `
delete from letter_bytes where letter_id in (
    select b.letter_id from letter_bytes b join letters l on l.id = b.letter_id
    where l.state in ('sent', 'failed', 'unknown') and b.created_at < now() - make_interval(days => $1)
      and greatest(l.sent_at, l.next_attempt_at) < now() - make_interval(days => $1)
    order by b.created_at limit $2)`
