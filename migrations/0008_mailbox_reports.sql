-- +goose Up

-- What the nightly comparison of a folder with the ledger found. `differences` is bounded: of each kind the number
-- and the first ones.
create table mailbox_reports (
    id          bigint generated always as identity primary key,
    mailbox_id  uuid not null references mailboxes,
    folder_id   bigint not null references mailbox_folders,
    at          timestamptz not null default now(),
    server      bigint not null,
    ledger      bigint not null,
    differences jsonb not null
);
create index mailbox_reports_of_folder on mailbox_reports (folder_id, at);
grant select, insert, delete on mailbox_reports to postern_app;

-- +goose Down
drop table mailbox_reports;
