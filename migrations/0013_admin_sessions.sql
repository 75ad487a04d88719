-- +goose Up

-- Who is logged in to the operator's pages. The cookie's token lies hashed; a session ends with its key, after a while
-- without use, and after some hours in any case. Those that ended are removed by the next login.
create table admin_sessions (
    hash       bytea primary key,
    api_key_id uuid not null references api_keys,
    created_at timestamptz not null default now(),
    used_at    timestamptz not null default now() -- to the minute
);
grant select, insert, update, delete on admin_sessions to postern_app;

-- +goose Down
drop table admin_sessions;
