-- +goose Up

-- What a server of a mailbox has failed at since it last worked; the row goes when it works again. People are
-- told once, at told_at.
create table mailbox_outages (
    mailbox_id uuid not null references mailboxes on delete cascade,
    side       text not null check (side in ('imap', 'smtp')),
    since      timestamptz not null default now(),
    failed_at  timestamptz not null default now(),
    failures   integer not null default 1,
    reason     text not null,
    detail     text not null,
    told_at    timestamptz,
    primary key (mailbox_id, side)
);
grant select, insert, update, delete on mailbox_outages to postern_app;

-- Rises with each event that subscribers are told of a mailbox.
alter table mailboxes add column tellings bigint not null default 0;

-- +goose Down
alter table mailboxes drop column tellings;
drop table mailbox_outages;
