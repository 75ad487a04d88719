-- +goose Up

-- How a mailbox without a password signs in; null: with its passwords.
alter table mailboxes add column oauth jsonb;

-- Its sealed client secret and refresh token. Providers rotate the latter at any time: that is no change of the
-- mailbox by anybody.
create table mailbox_grants (
    mailbox_id uuid primary key references mailboxes on delete cascade,
    secret     bytea not null,
    updated_at timestamptz not null default now()
);
grant select, insert, update, delete on mailbox_grants to postern_app;

-- +goose Down
drop table mailbox_grants;
alter table mailboxes drop column oauth;
