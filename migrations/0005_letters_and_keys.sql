-- +goose Up

-- Letters we owe. Bytes and envelope sender lie apart, sealed: they hold tokens.
create table letters (
    id             uuid primary key,
    kind           text not null check (kind in ('acknowledgement', 'notice', 'held_notice', 'answer', 'outage', 'trial')),
    mailbox_id     uuid not null, -- of mailboxes
    client_id      uuid references clients,
    ticket_id      uuid references tickets,
    message_ref    uuid,
    recipients     text[] not null check (cardinality(recipients) > 0),
    subject        text not null,
    rfc_message_id text not null unique,
    bounce_hash    bytea unique,
    state          text not null default 'queued' check (state in ('queued', 'sending', 'sent', 'failed', 'unknown')),
    attempts       smallint not null default 0,
    unknowns       smallint not null default 0,
    newest_until   uuid, -- answers of another thread up to here came before both were merged
    next_attempt_at timestamptz not null default now(),
    give_up_at     timestamptz not null,
    last_code      integer,
    last_error     text,
    sent_at        timestamptz,
    created_at     timestamptz not null default now()
);
create index letters_of_ticket on letters (ticket_id, id);
create index letters_by_state on letters (state, id);
create index letters_undelivered on letters (ticket_id, id)
    where kind = 'answer' and (state = 'failed' or state = 'unknown' and unknowns > 1);
create index letters_of_mailbox on letters (mailbox_id, id);

create table letter_bytes (
    letter_id  uuid primary key, -- of letters
    data       bytea not null,
    created_at timestamptz not null default now()
);
alter table letter_bytes alter column data set storage external;
create index letter_bytes_age on letter_bytes (created_at);

alter table letters enable row level security;
alter table letters force row level security;
create policy everything on letters to postern_app, current_user using (true) with check (true);
create policy own_client on letters to postern_client using (client_id = current_client());

create table api_keys (
    id           uuid primary key,
    name         text not null check (name <> ''),
    role         text not null check (role in ('staff', 'admin')),
    hash         bytea not null unique,
    prefix       text not null,
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- Answers to POSTs that carried an Idempotency-Key; the row is written in the transaction of the change.
create table idempotency_keys (
    actor_id     text not null,
    key          text not null,
    request_hash bytea not null,
    status       integer,
    response     bytea,
    created_at   timestamptz not null default now(),
    primary key (actor_id, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);

grant select, insert, update on letters to postern_app;
grant select, insert, update, delete on letter_bytes, api_keys, idempotency_keys to postern_app;

-- +goose Down
drop table idempotency_keys, api_keys, letter_bytes, letters;
