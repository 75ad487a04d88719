package wording

const columns = `id, name, mailbox_id, language, text, html, version, updated_at`

const sqlAll = `select ` + columns + ` from letter_templates order by name, mailbox_id nulls first, language`

const sqlPut = `
insert into letter_templates (id, name, mailbox_id, language, text, html) values ($1, $2, $3, $4, $5, $6)
on conflict (name, mailbox_id, language) do update set text = excluded.text, html = excluded.html,
    version = letter_templates.version + 1, updated_at = now()
returning ` + columns

const sqlDelete = `
delete from letter_templates where name = $1 and mailbox_id is not distinct from $2::uuid and language = $3 returning ` + columns
