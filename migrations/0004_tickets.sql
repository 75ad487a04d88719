-- +goose Up

create sequence ticket_numbers start 1001;

create table tickets (
    id                uuid primary key,
    number            bigint not null unique,
    client_id         uuid references clients,
    contact_id        uuid references contacts,
    mailbox_id        uuid, -- of mailboxes
    channel           text not null check (channel in ('email', 'form', 'api')),
    subject           text not null,
    status            text not null default 'open' check (status in ('open', 'in_progress', 'waiting', 'closed')),
    priority          smallint not null check (priority between 1 and 3),
    priority_reasons  text[] not null,
    authenticity      text not null default 'none' check (authenticity in ('pass', 'none', 'fail', 'temperror')),
    requester_address text not null default '',
    requester_name    text not null default '',
    suggested_clients uuid[] not null default '{}',
    tags              text[] not null default '{}',
    custom            jsonb not null default '{}',
    burst             boolean not null default false,
    burst_key         text not null default '', -- the limit whose rest it takes
    messages          integer not null default 0,
    held              integer not null default 0,
    version           integer not null default 1,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    last_message_at   timestamptz not null default now(),
    closed_at         timestamptz,
    merged_into       uuid references tickets check (merged_into <> id)
);
-- Newest first is by id (UUIDv7); the queue is priority, then age.
create index tickets_of_client on tickets (client_id, id) where client_id is not null;
create index tickets_of_contact on tickets (contact_id, id);
create index tickets_of_mailbox on tickets (mailbox_id, id);
create index tickets_by_status on tickets (status, id);
create index tickets_queue on tickets (priority, id) where status <> 'closed';
create index tickets_counted on tickets (status, priority, client_id) where merged_into is null;
create index tickets_merged on tickets (merged_into, id) where merged_into is not null;
create index tickets_tags on tickets using gin (tags) where tags <> '{}';
create index tickets_custom on tickets using gin (custom jsonb_path_ops) where custom <> '{}';
create index tickets_words on tickets using gin
    (to_tsvector('simple', subject || ' ' || requester_name || ' ' || requester_address || ' ' || number));
create index tickets_burst on tickets (burst_key) where burst and status <> 'closed';

-- Whose replies join the thread, and to whom answers go.
create table participants (
    ticket_id uuid not null, -- of tickets
    address   text not null,
    client_id uuid references clients,
    role      text not null check (role in ('requester', 'cc')),
    name      text not null default '',
    primary key (ticket_id, address)
);

create table messages (
    id             uuid primary key,
    ticket_id      uuid not null references tickets,
    client_id      uuid references clients,
    visibility     text not null check (visibility in ('internal', 'everyone')),
    origin         text not null check (origin in ('client', 'staff', 'system')),
    author_name    text not null default '',
    author_address text not null default '',
    author_id      text not null default '',
    body           text not null,
    full_text      text,
    html           text,
    rfc_message_id text not null default '',
    email_id       bigint, -- of inbound_emails
    authenticity   text not null default 'none' check (authenticity in ('pass', 'none', 'fail', 'temperror')),
    automatic      boolean not null default false,
    problems       text[] not null default '{}',
    created_at     timestamptz not null default now()
);
-- Half the processor time of a large message; servers built without lz4 keep their own way.
-- +goose StatementBegin
do $$ begin
    if (select 'lz4' = any(enumvals) from pg_settings where name = 'default_toast_compression') then
        alter table messages alter body set compression lz4, alter full_text set compression lz4, alter html set compression lz4;
    end if;
end $$;
-- +goose StatementEnd
create index messages_of_ticket on messages (ticket_id, id);
create index messages_by_rfc_id on messages (rfc_message_id) where rfc_message_id <> '';

create table attachments (
    id         uuid primary key,
    message_id uuid not null references messages,
    ticket_id  uuid not null, -- of tickets
    client_id  uuid references clients,
    visibility text not null check (visibility in ('internal', 'everyone')),
    name       text not null,
    type       text not null,
    size       bigint not null,
    sha256     bytea not null,
    inline     boolean not null default false,
    content_id text not null default '',
    created_at timestamptz not null default now()
);
create index attachments_of_message on attachments (message_id, id);
create index attachments_of_ticket on attachments (ticket_id, id);
create index attachments_bytes on attachments (sha256);

-- Reply addresses: one random token per ticket and letter, known by its hash alone.
create table reply_tokens (
    hash       bytea primary key,
    ticket_id  uuid not null, -- of tickets
    address    text not null,
    created_at timestamptz not null default now()
);
create index reply_tokens_of_ticket on reply_tokens (ticket_id);

-- Parents that a reply named before they came: when one comes, it joins its reply's ticket.
create table awaited_parents (
    rfc_message_id text not null,
    ticket_id      uuid not null references tickets,
    created_at     timestamptz not null default now(),
    primary key (rfc_message_id, ticket_id)
);
create index awaited_parents_of_ticket on awaited_parents (ticket_id);
create index awaited_parents_age on awaited_parents (created_at);

alter table tickets enable row level security;
alter table tickets force row level security;
create policy everything on tickets to postern_app, current_user using (true) with check (true);
create policy own_client on tickets to postern_client using (client_id = current_client()) with check (client_id = current_client());
alter table participants enable row level security;
alter table participants force row level security;
create policy everything on participants to postern_app, current_user using (true) with check (true);
create policy own_client on participants to postern_client using (client_id = current_client()) with check (client_id = current_client());
alter table messages enable row level security;
alter table messages force row level security;
create policy everything on messages to postern_app, current_user using (true) with check (true);
create policy own_client on messages to postern_client
    using (client_id = current_client() and visibility = 'everyone')
    with check (client_id = current_client() and visibility = 'everyone');
alter table attachments enable row level security;
alter table attachments force row level security;
create policy everything on attachments to postern_app, current_user using (true) with check (true);
create policy own_client on attachments to postern_client
    using (client_id = current_client() and visibility = 'everyone')
    with check (client_id = current_client() and visibility = 'everyone');

grant usage on sequence ticket_numbers to postern_app, postern_client;
grant select, insert, update on tickets, messages, attachments, reply_tokens to postern_app;
grant select, insert, update, delete on participants, awaited_parents to postern_app;
grant select on tickets, participants, messages, attachments to postern_client;

-- +goose Down
drop table awaited_parents, reply_tokens, attachments, messages, participants, tickets;
drop sequence ticket_numbers;
