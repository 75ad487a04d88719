-- +goose Up

-- A folder may be an archive that an operator imports: no mail server has it, and what it brings is of the
-- past. `source` is its path, `import_as` the status of the tickets that it opens.
alter table mailbox_folders
    add column source text,
    add column import_as text check (import_as in ('open', 'closed')),
    add constraint mailbox_folders_import check ((source is null) = (import_as is null));

-- Files name clients by their name where they have no reference.
create index clients_by_name on clients (name);

-- +goose Down
drop index clients_by_name;
alter table mailbox_folders drop column source, drop column import_as;
