package tickets

import "github.com/postern-desk/postern/internal/db"

const ticketColumns = `id, number, client_id, contact_id, mailbox_id, channel, subject, status, priority, priority_reasons,
    authenticity, requester_address, requester_name, suggested_clients, tags, custom, burst, messages, held, version,
    created_at, updated_at, last_message_at, closed_at, merged_into,
    (select into_ticket.number from tickets into_ticket where into_ticket.id = tickets.merged_into) as merged_number`

const messageColumns = `id, ticket_id, client_id, visibility, origin, author_name, author_address, author_id, body, full_text,
    html, rfc_message_id, email_id, authenticity, automatic, problems, created_at`

const attachmentColumns = `id, message_id, ticket_id, visibility, name, type, size, sha256, inline, content_id`

const sqlTicket = `select ` + ticketColumns + ` from tickets where id = $1`

const sqlLockTicket = sqlTicket + ` for update`

const sqlLockTickets = `select ` + ticketColumns + ` from tickets where id = any($1) order by id for update`

const sqlReserveNumbers = `select nextval('ticket_numbers') from generate_series(1, $1::integer)`

const sqlInsertTickets = `
insert into tickets (id, number, client_id, contact_id, mailbox_id, channel, subject, status, priority, priority_reasons,
    authenticity, requester_address, requester_name, suggested_clients, tags, custom, burst, messages, created_at, last_message_at, closed_at)
select id, number, client_id, contact_id, mailbox_id, channel, subject, status, priority, reasons::text[], authenticity, address, name,
    suggested::uuid[], tags::text[], custom, burst, messages, at, at, case when status = 'closed' then at end
from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::smallint[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::jsonb[], $17::boolean[], $18::integer[], $19::timestamptz[])
    as t(id, number, client_id, contact_id, mailbox_id, channel, subject, status, priority, reasons, authenticity, address, name,
        suggested, tags, custom, burst, messages, at)`

const sqlInsertParticipants = `
insert into participants (ticket_id, address, client_id, role, name)
select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[]) on conflict do nothing`

const sqlInsertMessages = `
insert into messages (id, ticket_id, client_id, visibility, origin, author_name, author_address, author_id, body, full_text,
    html, rfc_message_id, email_id, authenticity, automatic, problems, created_at)
select id, ticket_id, client_id, visibility, origin, author_name, author_address, author_id, body, full_text, html, rfc_id, email_id,
    authenticity, automatic, problems::text[], at
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::text[], $13::bigint[], $14::text[], $15::boolean[], $16::text[], $17::timestamptz[])
    as m(id, ticket_id, client_id, visibility, origin, author_name, author_address, author_id, body, full_text, html, rfc_id,
        email_id, authenticity, automatic, problems, at)`

const sqlInsertAttachments = `
insert into attachments (id, message_id, ticket_id, client_id, visibility, name, type, size, sha256, inline, content_id)
select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bytea[],
    $10::boolean[], $11::text[])`

const sqlInsertReplyTokens = `
insert into reply_tokens (hash, ticket_id, address) select * from unnest($1::bytea[], $2::uuid[], $3::text[])`

const sqlAwaitParents = `
insert into awaited_parents (rfc_message_id, ticket_id) select * from unnest($1::text[], $2::uuid[]) on conflict do nothing`

// What refers to a ticket or a message comes after it.
var (
	intoTickets      = &db.Insert{SQL: sqlInsertTickets, Order: 1}
	intoParticipants = &db.Insert{SQL: sqlInsertParticipants, Order: 2}
	intoMessages     = &db.Insert{SQL: sqlInsertMessages, Order: 2}
	intoReplyTokens  = &db.Insert{SQL: sqlInsertReplyTokens, Order: 2}
	awaitingParents  = &db.Insert{SQL: sqlAwaitParents, Order: 2}
	intoAttachments  = &db.Insert{SQL: sqlInsertAttachments, Order: 3}
)

const sqlTicketsOfTokens = `select hash, ticket_id from reply_tokens where hash = any($1)`

const sqlTicketsOfLetters = `
select rfc_message_id, ticket_id from letters where rfc_message_id = any($1) and ticket_id is not null order by id`

const sqlTicketsOfMessages = `
select rfc_message_id, ticket_id from messages where rfc_message_id = any($1) and rfc_message_id <> '' order by id`

const sqlTicketsAwaiting = `select rfc_message_id, ticket_id from awaited_parents where rfc_message_id = any($1) order by created_at`

const sqlParticipantsOfTickets = `select ticket_id, address from participants where ticket_id = any($1)`

const sqlTouchTicket = `
update tickets set status = $2, version = $3, messages = $4, held = $5, last_message_at = $6, closed_at = $7, updated_at = now()
where id = $1`

const sqlSetHeld = `update tickets set held = $2 where id = $1`

const sqlSetVersion = `update tickets set version = $2 where id = $1`

const sqlUpdateTicket = `
update tickets set subject = $2, priority = $3, priority_reasons = $4, tags = $5, custom = $6, contact_id = $7, client_id = $8,
    suggested_clients = $9
where id = $1`

const sqlOpenBursts = `select ` + ticketColumns + `, burst_key from tickets
where burst_key = any($1) and burst and status <> 'closed' order by id for update`

const sqlAnswered = `
select c.id from unnest($1::uuid[]) as c(id) where exists (select from tickets t join messages m on m.ticket_id = t.id
    where t.contact_id = c.id and m.origin = 'staff' and m.visibility = 'everyone')`

const sqlParticipants = `select address, role, name from participants where ticket_id = $1 order by role desc, address`

const sqlMessagesOfTicket = `select ` + messageColumns + ` from messages
where ticket_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`

const sqlAttachmentsOfMessages = `select ` + attachmentColumns + ` from attachments where message_id = any($1) order by id`

const sqlUndelivered = `select l.ticket_id, count(*) from letters l where l.ticket_id = any($1) and ` + undelivered + ` group by l.ticket_id`

const sqlAttachment = `select ` + attachmentColumns + ` from attachments where id = $1`

// The thread as mail programs know it: the first ids and the last ones; our own letters count as much as
// the client's emails.
const sqlThreadIDs = `
select rfc_message_id from (
    select rfc_message_id, created_at, 1 as rank from messages where ticket_id = $1 and rfc_message_id <> '' and origin = 'client'
    union all
    select rfc_message_id, created_at, 2 from letters where ticket_id = $1 and kind in ('acknowledgement', 'answer')) as ids
order by created_at, rank`

const sqlLastClientMessage = `select ` + messageColumns + ` from messages
where ticket_id = $1 and origin = 'client' and visibility = 'everyone' and not automatic order by id desc limit 1`

const sqlLinkMessages = `update messages set client_id = $2 where ticket_id = $1`

const sqlLinkAttachments = `update attachments set client_id = $2 where ticket_id = $1`

const sqlLinkParticipants = `update participants set client_id = $2 where ticket_id = $1`

const sqlLinkLetters = `update letters set client_id = $2 where ticket_id = $1`

const sqlContactClient = `select client_id from contacts where id = $1`

const sqlLinkShells = `update tickets set client_id = $2 where merged_into = $1`

const sqlTicketOfNumber = `select id from tickets where number = $1`

// Whoever may reply into the ticket, and whoever its client knows.
const sqlBelongs = `
select exists (select from participants where ticket_id = $1 and address = $3)
    or exists (select from contacts where client_id = $2 and email_norm = $3)`

const sqlMoveMessages = `update messages set ticket_id = $2, client_id = $3 where ticket_id = $1`

const sqlMoveAttachments = `update attachments set ticket_id = $2, client_id = $3 where ticket_id = $1`

const sqlMoveLetters = `update letters set ticket_id = $2, client_id = $3 where ticket_id = $1`

const sqlKeepNewestAnswers = `
update letters l set newest_until = $3 where l.ticket_id in ($1, $2) and l.kind = 'answer' and ` + newestAnswer

const sqlMoveShells = `update tickets set merged_into = $2, client_id = $3 where merged_into = $1`

const sqlMoveParticipants = `
with moved as (delete from participants where ticket_id = $1 returning address, name)
insert into participants (ticket_id, address, client_id, role, name)
select $2, address, $3, 'cc', name from moved on conflict do nothing`

const sqlMoveReplyTokens = `update reply_tokens set ticket_id = $2 where ticket_id = $1`

const sqlMoveAwaitedParents = `
with moved as (delete from awaited_parents where ticket_id = $1 returning rfc_message_id, created_at)
insert into awaited_parents (rfc_message_id, ticket_id, created_at)
select rfc_message_id, $2, created_at from moved on conflict do nothing`

const sqlMoveEmails = `update inbound_emails set ticket_id = $2 where ticket_id = $1`

const sqlTakeIn = `update tickets set priority = $2, priority_reasons = $3, tags = $4 where id = $1`

const sqlMergeAway = `
update tickets set merged_into = $2, client_id = $3, status = 'closed', messages = 0, held = 0, burst = false, version = $4,
    closed_at = coalesce(closed_at, now()), updated_at = now()
where id = $1`

const sqlMessageOfEmail = `select ` + messageColumns + ` from messages where ticket_id = $1 and email_id = $2 order by id limit 1`

const sqlRewriteMessage = `
update messages set body = $2, full_text = $3, html = $4, problems = $5,
    author_name = case when author_address = '' then $6 else author_name end,
    author_address = case when author_address = '' then $7 else author_address end
where id = $1`

const sqlSetBurstKey = `update tickets set burst_key = $2 where id = $1`

const sqlSetRequester = `update tickets set requester_address = $2, requester_name = $3 where id = $1`

const sqlLessHeld = `
update tickets set held = greatest(held - 1, 0) where id = (select coalesce(merged_into, id) from tickets where id = $1)`
