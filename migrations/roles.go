package migrations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// RolesSQL makes the roles that the schema grants to. It is what an operator runs as a superuser
// where the owner may not create roles; the login's password is the operator's to choose.
const RolesSQL = `create role postern_app login password '<the password in database_url>';
create role postern_client nologin;
grant postern_client to postern_app;`

// ErrRoles says that the roles are missing and that the owner may not create them.
var ErrRoles = errors.New("the database roles postern_app and postern_client are missing and the owner may not create them; run this as a superuser:\n" + RolesSQL)

// sqlEnsureRoles is safe beside another process that does the same: roles belong to the whole cluster.
const sqlEnsureRoles = `
do $$
declare
    role record;
begin
    for role in select * from (values ('postern_app', 'login'), ('postern_client', 'nologin')) as r(name, kind) loop
        if not exists (select from pg_roles where rolname = role.name) then
            begin
                execute format('create role %I %s', role.name, role.kind);
            exception when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
    if not pg_has_role('postern_app', 'postern_client', 'member') then
        begin
            grant postern_client to postern_app;
        exception when unique_violation then null;
        end;
    end if;
end $$`

func ensureRoles(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, sqlEnsureRoles)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42501" {
		return ErrRoles
	}
	if err != nil {
		return fmt.Errorf("create the roles: %w", err)
	}
	return nil
}

// passwordAttempts is more than the desks that may be set up in one cluster at once.
const passwordAttempts = 20

// SetPassword gives postern_app the password that the application's URL logs in with: a role that was just
// made has none. Where appURL is another login's or has no password, or the owner may not, nothing is done.
func SetPassword(ctx context.Context, ownerURL, appURL string) error {
	app, err := pgx.ParseConfig(appURL)
	if appURL == "" || err != nil || app.User != "postern_app" || app.Password == "" {
		return nil
	}
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("connect as the owner: %w", err)
	}
	defer conn.Close(ctx)
	var statement string
	if err := conn.QueryRow(ctx, "select format('alter role postern_app login password %L', $1::text)", app.Password).Scan(&statement); err != nil {
		return err
	}
	var refused *pgconn.PgError
	for attempt := range passwordAttempts {
		// A role belongs to the whole cluster: two desks in it may set the password in one moment, and PostgreSQL
		// refuses the later one as an internal error ("tuple concurrently updated").
		_, err = conn.Exec(ctx, statement)
		if !errors.As(err, &refused) || refused.Code != "XX000" {
			break
		}
		time.Sleep(time.Duration(attempt) * 10 * time.Millisecond)
	}
	if errors.As(err, &refused) && refused.Code == "42501" {
		return nil
	}
	if err != nil {
		return errors.New("the password of postern_app could not be set") // the server's words may repeat it
	}
	return nil
}
