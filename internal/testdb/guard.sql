-- Fails the commit of a transaction that wrote to a business table and recorded nothing. An audit entry
-- of the same transaction has its time, now(), which the application cannot choose.
-- Runs as its owner: the client realm may not read the audit trail.
create function require_record() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    if not exists (select from audit_entries where at = now()) then
        raise exception 'unrecorded % of %: db.Change was bypassed', lower(tg_op), tg_table_name;
    end if;
    return null;
end $$;

do $$
declare
    business text;
begin
    foreach business in array array['clients', 'sites', 'contacts', 'tickets', 'messages', 'attachments', 'participants', 'mailboxes'] loop
        execute format('create constraint trigger recorded after insert or update or delete on %I
            deferrable initially deferred for each row execute function require_record()', business);
    end loop;
end $$;

-- last_used_at is bookkeeping.
create constraint trigger recorded after insert or delete or update of id, name, role, hash, prefix, created_at, revoked_at on api_keys
    deferrable initially deferred for each row execute function require_record();

-- What failures are counted is bookkeeping.
create constraint trigger recorded after insert or delete or update of id, name, position, enabled, asked_of, condition, actions, version on rules
    deferrable initially deferred for each row execute function require_record();
