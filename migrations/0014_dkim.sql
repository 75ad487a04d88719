-- +goose Up

-- Keys that sign the letters of a domain (DKIM), the private halves sealed. A domain has at most two: the one that
-- signs, and the next or the last one.
create table dkim_keys (
    domain     text not null,
    selector   text not null,
    public     text not null,
    secret     bytea not null,
    signing    boolean not null default false,
    created_at timestamptz not null default now(),
    primary key (domain, selector)
);
create unique index dkim_keys_signing on dkim_keys (domain) where signing;
grant select, insert, update, delete on dkim_keys to postern_app;

-- The DKIM-Signature field that a letter got at its first attempt and keeps; null: it has none.
alter table letter_bytes add column signature bytea;

-- +goose Down
alter table letter_bytes drop column signature;
drop table dkim_keys;
