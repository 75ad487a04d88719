package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/vault"
	"github.com/postern-desk/postern/migrations"
)

// What is asked of the database; each takes nothing but the login that the desk has.
const (
	sqlServer = `select current_setting('server_version'), current_setting('server_version_num')::integer, current_user::text, clock_timestamp()`

	sqlClientRole = `select coalesce((select pg_has_role(current_user, oid, 'member') from pg_roles where rolname = 'postern_client'), false)`

	// The application writes the ledger and the letters, and adds to the audit trail. A table that is not
	// there is none of which it may do so.
	sqlMissingRights = `
select coalesce(string_agg(t || ': ' || p, ', ' order by t, p), '')
from unnest(array['tickets', 'messages', 'inbound_emails', 'letters', 'mailboxes', 'river_job']) as t,
    unnest(array['select', 'insert', 'update']) as p
where to_regclass(t) is null or not has_table_privilege(to_regclass(t), p)`
)

// oldestServer is PostgreSQL 15, the first with what the schema uses.
const oldestServer = 150000

// checkDatabase reports whether the rest can be looked at.
func (d *doctor) checkDatabase(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var version, user string
	var number int
	var now time.Time
	pool, before := d.store.db.Pool(), time.Now()
	if err := pool.QueryRow(ctx, sqlServer).Scan(&version, &number, &user, &now); err != nil {
		d.fail("database", err.Error(), "look into PostgreSQL's log")
		return false
	}
	whose := "the server of POSTERN_DATABASE_URL"
	if !d.set.DatabaseURL.IsSet() {
		whose = "the desk's own"
	}
	if number < oldestServer {
		d.fail("database", "PostgreSQL "+version+", "+whose, "move to PostgreSQL 15 or newer")
	} else {
		d.ok("database", "PostgreSQL "+version+", "+whose)
	}
	d.checkClock("database clock", now, before, time.Now())
	if !d.checkSchema(ctx) {
		return false
	}
	d.checkRoles(ctx, user)
	return true
}

// checkSchema asks as the owner where the desk knows that login: only the owner can tell what is pending.
func (d *doctor) checkSchema(ctx context.Context) bool {
	const name, remedy = "schema", "run: postern migrate"
	if err := d.store.db.Ready(ctx); err != nil {
		d.fail(name, err.Error(), remedy)
		return false
	}
	if d.store.ownerURL == "" {
		d.ok(name, "the tables are there; what is pending only the owner's login can tell (POSTERN_OWNER_DATABASE_URL)")
		return true
	}
	states, err := migrations.Status(ctx, d.store.ownerURL)
	if err != nil {
		d.fail("owner's role", err.Error(), "correct POSTERN_OWNER_DATABASE_URL")
		return true
	}
	var pending []string
	for _, s := range states {
		if !s.Applied {
			pending = append(pending, s.Name)
		}
	}
	if len(pending) > 0 {
		d.fail(name, "pending: "+strings.Join(pending, ", "), remedy)
		return true
	}
	d.ok(name, fmt.Sprintf("up to date, %d migrations", len(states)))
	return true
}

// checkRoles looks at the three roles of an installation: owner, application, client.
func (d *doctor) checkRoles(ctx context.Context, user string) {
	const remedy = "use the login postern_app, which `postern migrate` makes"
	var missing string
	err := d.store.db.CheckLogin(ctx)
	if err == nil {
		err = d.store.db.Pool().QueryRow(ctx, sqlMissingRights).Scan(&missing)
	}
	switch {
	case err != nil:
		d.fail("application's role", user+": "+err.Error(), remedy)
	case missing != "":
		d.fail("application's role", user+" may not: "+missing, "run: postern migrate")
	default:
		d.ok("application's role", user+" may read and write, and not change the audit trail")
	}
	var member bool
	if err := d.store.db.Pool().QueryRow(ctx, sqlClientRole).Scan(&member); err != nil || !member {
		d.fail("client's role", "the login cannot step down to postern_client", "run as the owner: grant postern_client to "+pgx.Identifier{user}.Sanitize())
	} else {
		d.ok("client's role", "the login can step down to postern_client")
	}
	if d.store.ownerURL == "" {
		return
	}
	d.checkOwner(ctx)
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

// checkKeys opens every stored password. It makes no key: one in the place of a lost one would hide the loss.
func (d *doctor) checkKeys(ctx context.Context, boxes []mailboxes.Mailbox) *mailboxes.Service {
	const name, remedy = "secret key", "put the right key back from a backup, or give the mailboxes their passwords anew"
	file := d.set.KeyFile()
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) && len(boxes) == 0 {
		d.ok(name, file+" is not there yet; it is made when the first secret is kept")
		return nil
	}
	if err != nil {
		d.fail(name, err.Error(), remedy)
		return nil
	}
	keys, err := vault.Open(file)
	if err != nil {
		d.fail(name, err.Error(), remedy)
		return nil
	}
	service := mailboxes.New(d.store.db, keys)
	for _, m := range boxes {
		secrets, err := service.Secrets(ctx, m.ID)
		if err != nil {
			d.fail(name, fmt.Sprintf("%s does not open the passwords of %s", file, m.Address), remedy)
			return nil
		}
		d.hide(secrets.IMAP)
		d.hide(secrets.SMTP)
	}
	if info.Mode().Perm()&0o077 != 0 {
		d.warn(name, fmt.Sprintf("%s may be read by others (%s)", file, info.Mode().Perm()), "chmod 600 "+file)
		return service
	}
	d.ok(name, fmt.Sprintf("%s opens the passwords of %d mailboxes", file, len(boxes)))
	return service
}

// passwordIn is the password of a database URL.
func passwordIn(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}
