-- +goose Up

-- The desk's own words for a kind of letter, for all mailboxes or one, in all languages or one.
create table letter_templates (
    id         uuid primary key,
    name       text not null,
    mailbox_id uuid references mailboxes on delete cascade,
    language   text not null default '', -- empty: all
    text       text not null,
    html       text not null default '',
    version    integer not null default 1,
    updated_at timestamptz not null default now(),
    unique nulls not distinct (name, mailbox_id, language)
);
create index letter_templates_of_mailbox on letter_templates (mailbox_id);
grant select, insert, update, delete on letter_templates to postern_app;

-- +goose Down
drop table letter_templates;
