package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// What is asked of the database; each takes nothing but the login that the desk has.
const (
	sqlClientRole = `select coalesce((select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = 'postern_client'), false)`

	sqlPower = `
select case when rolsuper then 'is a superuser' when rolbypassrls then 'bypasses row-level security' else '' end
from pg_roles where rolname = current_user`

	// The application writes the ledger and the letters, and adds to the audit trail. A table that is not
	// there is none of which it may do so.
	sqlMissingRights = `
select coalesce(string_agg(t || ': ' || p, ', ' order by t, p), '')
from unnest(array['tickets', 'messages', 'inbound_emails', 'letters', 'mailboxes', 'river_job']) as t,
    unnest(array['select', 'insert', 'update']) as p
where to_regclass(t) is null or not has_table_privilege(to_regclass(t), p)`
)

// checkRoles looks at the three roles of an installation: owner, application, client.
func (d *doctor) checkRoles(ctx context.Context, user string) {
	d.checkApplicationRole(ctx, user)
	var member bool
	if err := d.store.db.Pool().QueryRow(ctx, sqlClientRole).Scan(&member); err != nil || !member {
		d.fail("client's role", user+" cannot step down to postern_client", "run as the owner: grant postern_client to "+pgx.Identifier{user}.Sanitize())
	} else {
		d.ok("client's role", "the login can step down to postern_client")
	}
	if d.store.ownerURL != "" {
		d.checkOwner(ctx)
	}
}

func (d *doctor) checkApplicationRole(ctx context.Context, user string) {
	const name, remedy = "application's role", "set POSTERN_DATABASE_URL to the login postern_app, which `postern migrate` makes"
	var power, missing string
	pool := d.store.db.Pool()
	err := pool.QueryRow(ctx, sqlPower).Scan(&power)
	if err == nil && power != "" {
		d.fail(name, user+" "+power+": it sees past the boundary between clients", remedy+"; or as a superuser: alter role "+
			pgx.Identifier{user}.Sanitize()+" nosuperuser nobypassrls")
		return
	}
	if err = errors.Join(err, d.store.db.CheckLogin(ctx)); err == nil {
		err = pool.QueryRow(ctx, sqlMissingRights).Scan(&missing)
	}
	switch {
	case err != nil:
		d.fail(name, user+": "+err.Error(), remedy)
	case missing != "":
		d.fail(name, user+" may not: "+missing, remedy+"; or grant it, as the owner: grant select, insert, update on TABLE to "+pgx.Identifier{user}.Sanitize())
	default:
		d.ok(name, user+" may read and write, and not change the audit trail")
	}
}

func (d *doctor) checkOwner(ctx context.Context) {
	const name = "owner's role"
	conn, err := pgx.Connect(ctx, d.store.ownerURL)
	if err != nil {
		d.fail(name, err.Error(), "correct POSTERN_OWNER_DATABASE_URL, or leave it to `postern migrate` alone")
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var user string
	var owns bool
	err = conn.QueryRow(ctx, `select current_user::text, pg_has_role(current_user, relowner, 'usage') from pg_class where oid = 'tickets'::regclass`).Scan(&user, &owns)
	if err != nil || !owns {
		d.fail(name, user+" does not own the tables", "set POSTERN_OWNER_DATABASE_URL to the login that ran `postern migrate`")
		return
	}
	d.ok(name, user+" owns the tables")
}
