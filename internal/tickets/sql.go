package tickets

const ticketColumns = `id, number, client_id, contact_id, mailbox_id, channel, subject, status, priority, priority_reasons,
    authenticity, requester_address, requester_name, suggested_clients, tags, custom, burst, messages, held, version,
    created_at, updated_at, last_message_at, closed_at`

const messageColumns = `id, ticket_id, client_id, visibility, origin, author_name, author_address, author_id, body, full_text,
    html, rfc_message_id, email_id, authenticity, automatic, problems, created_at`

const attachmentColumns = `id, message_id, ticket_id, visibility, name, type, size, sha256, inline, content_id`

const sqlTicket = `select ` + ticketColumns + ` from tickets where id = $1`

const sqlLockTicket = sqlTicket + ` for update`

const sqlLockTickets = `select ` + ticketColumns + ` from tickets where id = any($1) order by id for update`

const sqlReserveNumbers = `select nextval('ticket_numbers') from generate_series(1, $1::integer)`

const sqlInsertTicket = `
insert into tickets (id, number, client_id, contact_id, mailbox_id, channel, subject, status, priority, priority_reasons,
    authenticity, requester_address, requester_name, suggested_clients, tags, custom, burst, messages)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`

const sqlInsertParticipant = `
insert into participants (ticket_id, address, client_id, role, name) values ($1, $2, $3, $4, $5) on conflict do nothing`

const sqlInsertMessage = `
insert into messages (id, ticket_id, client_id, visibility, origin, author_name, author_address, author_id, body, full_text,
    html, rfc_message_id, email_id, authenticity, automatic, problems)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`

const sqlInsertAttachment = `
insert into attachments (id, message_id, ticket_id, client_id, visibility, name, type, size, sha256, inline, content_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

const sqlInsertReplyToken = `insert into reply_tokens (hash, ticket_id, address) values ($1, $2, $3)`

const sqlTicketsOfTokens = `select hash, ticket_id from reply_tokens where hash = any($1)`

const sqlTicketsOfLetters = `
select rfc_message_id, ticket_id from letters where rfc_message_id = any($1) and ticket_id is not null order by id`

const sqlTicketsOfMessages = `
select rfc_message_id, ticket_id from messages where rfc_message_id = any($1) and rfc_message_id <> '' order by id`

const sqlTicketsAwaiting = `select rfc_message_id, ticket_id from awaited_parents where rfc_message_id = any($1) order by created_at`

const sqlAwaitParent = `insert into awaited_parents (rfc_message_id, ticket_id) values ($1, $2) on conflict do nothing`

const sqlParticipantsOfTickets = `select ticket_id, address from participants where ticket_id = any($1)`

const sqlTouchTicket = `
update tickets set status = $2, version = $3, messages = $4, held = $5, last_message_at = $6, closed_at = $7, updated_at = now()
where id = $1`

const sqlSetVersion = `update tickets set version = $2 where id = $1`

const sqlUpdateTicket = `
update tickets set subject = $2, priority = $3, priority_reasons = $4, tags = $5, custom = $6, contact_id = $7, client_id = $8,
    suggested_clients = $9
where id = $1`

const sqlOpenBursts = `select ` + ticketColumns + ` from tickets
where requester_address = any($1) and burst and status <> 'closed' order by id for update`

const sqlParticipants = `select address, role, name from participants where ticket_id = $1 order by role desc, address`

const sqlMessagesOfTicket = `select ` + messageColumns + ` from messages where ticket_id = $1 order by id limit $2`

const sqlAttachmentsOfTicket = `select ` + attachmentColumns + ` from attachments where ticket_id = $1 order by id`

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
