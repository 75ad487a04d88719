-- +goose Up

-- The audit trail. The application may insert the listed columns and select;
-- it can neither choose the time or the sequence of an entry, nor change or remove one.
create sequence audit_seq;
create table audit_entries (
    seq          bigint not null default nextval('audit_seq'),
    at           timestamptz not null default now(),
    event_id     uuid not null,
    kind         text not null,
    module       text not null,
    action       text not null,
    actor_kind   text not null,
    actor_id     text not null,
    actor_name   text not null,
    on_behalf_of text,
    client_id    uuid,
    subject_id   text not null,
    label        text not null default '',
    detail       jsonb not null default '{}',
    primary key (at, seq)
) partition by range (at);
create index audit_of_client on audit_entries (client_id, at, seq) where client_id is not null;
create index audit_of_actor on audit_entries (actor_id, at, seq);
create index audit_of_module on audit_entries (module, action, at, seq);
create index audit_of_subject on audit_entries (subject_id, at, seq);
create index audit_of_event on audit_entries (event_id);

-- What subscribers get, under the id of the audit entry.
create table webhook_events (
    id         uuid not null,
    at         timestamptz not null default now(),
    type       text not null,
    client_id  uuid,
    subject_id text not null,
    sequence   bigint not null,
    data       jsonb not null,
    primary key (id, at)
) partition by range (at);
create index webhook_events_of_client on webhook_events (client_id, at) where client_id is not null;

-- +goose StatementBegin
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'audit entries are append-only' using errcode = 'insufficient_privilege';
end $$;
-- +goose StatementEnd
create trigger append_only before update or delete on audit_entries
    for each row execute function refuse_change();
create trigger no_truncate before truncate on audit_entries
    for each statement execute function refuse_change();

-- Makes the partition of one month, unless it is there. Rows that came before their month had a partition
-- keep the month in the default one: after a long pause that must not stop the months to come.
-- +goose StatementBegin
create function ensure_month(parent text, first date) returns boolean
language plpgsql set search_path = pg_catalog, public as $$
declare
    part text := parent || '_' || to_char(first, 'YYYYMM');
    late boolean;
begin
    if to_regclass('public.' || part) is not null then
        return false;
    end if;
    execute format('select exists (select from public.%I where at >= %L and at < %L)',
        parent || '_default', first || ' 00:00:00+00', (first + interval '1 month')::date || ' 00:00:00+00') into late;
    if late then
        return false;
    end if;
    execute format('create table public.%I partition of public.%I for values from (%L) to (%L)',
        part, parent, first || ' 00:00:00+00', (first + interval '1 month')::date || ' 00:00:00+00');
    if parent = 'audit_entries' then
        execute format('create trigger no_truncate before truncate on public.%I for each statement execute function public.refuse_change()', part);
    end if;
    return true;
end $$;
-- +goose StatementEnd

-- Makes the monthly partitions from this month to `months` ahead.
-- Runs as the owner: the application has no DDL.
-- +goose StatementBegin
create function ensure_partitions(months integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public set lock_timeout = '2s' as $$
declare
    made integer := 0;
    parent text;
begin
    foreach parent in array array['audit_entries', 'webhook_events'] loop
        for i in 0 .. least(months, 24) loop
            if public.ensure_month(parent, (date_trunc('month', now() at time zone 'UTC') + make_interval(months => i))::date) then
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end $$;
-- +goose StatementEnd
create table audit_entries_default partition of audit_entries default;
create trigger no_truncate before truncate on audit_entries_default
    for each statement execute function refuse_change();
create table webhook_events_default partition of webhook_events default;
select ensure_partitions(3);

alter table audit_entries enable row level security;
alter table audit_entries force row level security;
create policy everything on audit_entries to postern_app, current_user using (true) with check (true);
create policy own_client on audit_entries to postern_client using (client_id = current_client());
alter table webhook_events enable row level security;
alter table webhook_events force row level security;
create policy everything on webhook_events to postern_app, current_user using (true) with check (true);
create policy own_client on webhook_events to postern_client using (client_id = current_client());

revoke all on function ensure_partitions(integer), ensure_month(text, date) from public;
grant execute on function ensure_partitions(integer) to postern_app;
grant usage on sequence audit_seq to postern_app;
grant select, insert (event_id, kind, module, action, actor_kind, actor_id, actor_name, on_behalf_of,
    client_id, subject_id, label, detail) on audit_entries to postern_app;
grant select, insert (id, type, client_id, subject_id, sequence, data) on webhook_events to postern_app;

-- +goose Down
drop table webhook_events, audit_entries;
drop function ensure_partitions(integer);
drop function ensure_month(text, date);
drop function refuse_change();
drop sequence audit_seq;
