-- +goose Up

-- What an admin wants done with emails that look like this. The lowest position is asked first, of equal ones the oldest.
create table rules (
    id         uuid primary key,
    name       text not null check (name <> ''),
    position   integer not null,
    enabled    boolean not null,
    asked_of   text not null check (asked_of in ('new', 'reply', 'any')),
    condition  text not null,
    actions    jsonb not null,
    failures   bigint not null default 0, -- since the condition was last changed
    last_error text,
    failed_at  timestamptz,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index rules_by_name on rules (lower(name));

-- Rises with every change of a rule, so that each process knows whether what it has compiled still holds.
create table rules_version (
    one     boolean primary key default true check (one),
    version bigint not null
);
grant select, insert, update, delete on rules to postern_app;
grant select, insert, update on rules_version to postern_app;

-- +goose Down
drop table rules_version, rules;
