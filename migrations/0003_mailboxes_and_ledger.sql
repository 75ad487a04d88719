-- +goose Up

create table mailboxes (
    id              uuid primary key,
    name            text not null check (name <> ''),
    address         text not null,
    address_norm    text not null unique,
    from_name       text not null default '',
    imap            jsonb not null,
    imap_secret     bytea not null,
    smtp            jsonb not null,
    smtp_secret     bytea not null,
    folders         text[] not null default '{INBOX}',
    start           text not null default 'now' check (start in ('now', 'date', 'all')),
    start_at        timestamptz not null default now(),
    staff_addresses text[] not null default '{}',
    priority        smallint not null default 2 check (priority between 1 and 3),
    reopens         boolean not null default true,
    sub_addressing  boolean not null default true,
    acknowledges    boolean not null default true,
    after           text not null default 'nothing' check (after in ('nothing', 'seen', 'move')),
    after_folder    text not null default '',
    paused          boolean not null default false,
    version         integer not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    check ((after = 'move') = (after_folder <> ''))
);

-- Where reading stands. `generation` rises when a folder was restored from a backup under the same
-- UIDVALIDITY: UIDs are then given out a second time. UIDs under `start_below` were there when this
-- generation began: those from before the mailbox's start point do not count.
create table mailbox_folders (
    id          bigint generated always as identity primary key,
    mailbox_id  uuid not null references mailboxes,
    name        text not null,
    uidvalidity bigint not null default 0,
    generation  integer not null default 0,
    last_uid    bigint not null default 0,
    start_below bigint not null default 0,
    created_at  timestamptz not null default now(),
    polled_at   timestamptz,
    failing_since timestamptz,
    last_error  text,
    unique (mailbox_id, name)
);

-- The intake ledger: one row for every email that a folder ever held, one disposition for every row. What rows
-- of every email refer to is never deleted, which the application may not do: docs/adr/0031 says why those columns
-- are no foreign keys.
create table inbound_emails (
    id            bigint generated always as identity primary key,
    mailbox_id    uuid not null,   -- of mailboxes
    folder_id     bigint not null, -- of mailbox_folders
    uidvalidity   bigint not null,
    generation    integer not null,
    uid           bigint not null,
    size          bigint not null,
    internal_date timestamptz not null,
    sha256        bytea,
    message_id    text not null default '',
    accepted_at   timestamptz not null default now(),
    disposition   text check (disposition in ('opened', 'replied', 'held', 'decided', 'asked_again', 'command',
        'auto_reply', 'bounce', 'delay_notice', 'feedback_report', 'receipt', 'calendar_reply', 'list', 'duplicate',
        'own_loop', 'spam', 'before_start', 'oversize', 'flood', 'quarantined')),
    reason        text,
    class         text,
    ticket_id     uuid,
    message_ref   uuid,
    from_address  text,
    subject       text,
    processed_at  timestamptz,
    oversize      boolean not null default false,
    attempts      smallint not null default 0,
    waits_for     bigint, -- of inbound_emails
    last_error    text,
    untidied      boolean not null default false, -- to be marked or moved on the server once it has a disposition
    unique (folder_id, uidvalidity, generation, uid),
    check ((disposition is null) = (processed_at is null)),
    check ((disposition is null) = (reason is null))
);
create index inbound_emails_pending on inbound_emails (id) where disposition is null;
create index inbound_emails_pending_message on inbound_emails (message_id) where disposition is null and message_id <> '';
create index inbound_emails_waiting on inbound_emails (waits_for) where disposition is null and waits_for is not null;
create index inbound_emails_of_disposition on inbound_emails (disposition, id) where disposition is not null;
create index inbound_emails_of_mailbox on inbound_emails (mailbox_id, id);
create index inbound_emails_of_ticket on inbound_emails (ticket_id, id) where ticket_id is not null;
create index inbound_emails_untidied on inbound_emails (mailbox_id, id) where untidied and disposition is not null;
create index inbound_emails_bytes on inbound_emails (sha256) where sha256 is not null;
create index inbound_emails_kept on inbound_emails (processed_at) where sha256 is not null and processed_at is not null;

-- The first row to insert the key of an email owns it; every other copy is a duplicate of that row.
create table email_keys (
    key      bytea primary key,
    email_id bigint not null -- of inbound_emails
);

-- Content-addressed bytes in chunks of at most 1 MiB, packed by S2: already compressed, so stored as they are.
create table blob_chunks (
    sha256     bytea not null,
    n          integer not null,
    size       bigint not null,
    created_at timestamptz not null default now(),
    data       bytea not null,
    primary key (sha256, n)
);
alter table blob_chunks alter column data set storage external;
create index blob_chunks_age on blob_chunks (created_at, sha256) where n = 0;

-- Fixed windows of the rate limits.
create table limit_counters (
    key          text primary key,
    window_start timestamptz not null,
    taken        integer not null
);

-- Processes that beat; what a silent one was running is released.
create table processes (
    id         text primary key,
    host_key   text not null,
    roles      text[] not null default '{}',
    started_at timestamptz not null default now(),
    beat_at    timestamptz not null default now()
);

-- Processes that watch mailboxes, and the queue in which each works the polls of those it watches. One that has
-- not looked around for a few seconds holds nothing any more.
create table watchers (
    process   text primary key,
    queue     text not null,
    looked_at timestamptz not null default now()
);

-- Who reads a mailbox: one process at a time.
create table mailbox_leases (
    mailbox_id uuid primary key references mailboxes on delete cascade,
    process    text not null references watchers on delete cascade,
    since      timestamptz not null default now()
);
create index mailbox_leases_of_process on mailbox_leases (process);

grant select, insert, update, delete on blob_chunks, limit_counters, processes, watchers, mailbox_leases to postern_app;
grant select, insert, update on mailboxes, mailbox_folders, inbound_emails, email_keys to postern_app;

-- +goose Down
drop table mailbox_leases, watchers, processes, limit_counters, blob_chunks, email_keys, inbound_emails, mailbox_folders, mailboxes;
