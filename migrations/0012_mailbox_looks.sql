-- +goose Up

-- How letters from a mailbox look, and when its desk answers; empty and null are the desk's.
alter table mailboxes
    add column logo_url     text not null default '',
    add column accent_color text not null default '',
    add column hours        jsonb;

-- +goose Down
alter table mailboxes drop column logo_url, drop column accent_color, drop column hours;
