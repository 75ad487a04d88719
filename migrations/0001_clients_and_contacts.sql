-- +goose Up

-- The client that an actor of the client realm belongs to, set with each BEGIN.
-- An unset or empty setting yields NULL, so that the policies show nothing.
create function current_client() returns uuid
language sql stable
return nullif(current_setting('postern.client_id', true), '')::uuid;

create table clients (
    id         uuid primary key,
    name       text not null check (name <> ''),
    domains    text[] not null default '{}',
    time_zone  text not null default '', -- IANA name; empty: the desk's
    language   text not null default '', -- tag; empty: the desk's
    crm_ref    text,
    features   jsonb not null default '{}',
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index clients_crm_ref on clients (crm_ref) where crm_ref is not null;
create index clients_domains on clients using gin (domains);

create table sites (
    id         uuid primary key,
    client_id  uuid not null references clients,
    name       text not null check (name <> ''),
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index sites_of_client on sites (client_id, id);

create table contacts (
    id           uuid primary key,
    client_id    uuid references clients,
    kind         text not null default 'person' check (kind in ('person', 'organisation')),
    name         text not null default '',
    email        text,
    email_norm   text,
    phone        text,
    relationship text,
    crm_ref      text,
    language     text,
    tags         text[] not null default '{}' check (tags <@ array['vip', 'emergency']),
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    unique (id, kind),
    check ((email is null) = (email_norm is null))
);
-- One person per address and client; one unlinked person per address.
create unique index contacts_address on contacts (email_norm, client_id) nulls not distinct
    where email_norm is not null and kind = 'person';
create index contacts_by_address on contacts (email_norm) where email_norm is not null; -- organisations too
create unique index contacts_crm_ref on contacts (client_id, crm_ref) nulls not distinct where crm_ref is not null;
create index contacts_of_client on contacts (client_id, id);

alter table clients enable row level security;
alter table clients force row level security;
create policy everything on clients to postern_app, current_user using (true) with check (true);
create policy own_client on clients to postern_client using (id = current_client()) with check (id = current_client());

alter table sites enable row level security;
alter table sites force row level security;
create policy everything on sites to postern_app, current_user using (true) with check (true);
create policy own_client on sites to postern_client using (client_id = current_client()) with check (client_id = current_client());

alter table contacts enable row level security;
alter table contacts force row level security;
create policy everything on contacts to postern_app, current_user using (true) with check (true);
create policy own_client on contacts to postern_client using (client_id = current_client()) with check (client_id = current_client());

grant select, insert, update, delete on clients, sites, contacts to postern_app;
grant select on clients, sites, contacts to postern_client;

-- +goose Down
drop table contacts, sites, clients;
drop function current_client();
