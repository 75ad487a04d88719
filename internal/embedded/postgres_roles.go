package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	superRole     = "postgres"
	ownerRole     = "postern_owner"
	appRole       = "postern_app"
	clientRole    = "postern_client"
	database      = "postern"
	superDatabase = "postgres"
)

// url names every part, so that PG* variables of the environment change nothing.
func (k *cluster) url(role, password, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(role, password),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {k.socket}, "port": {"5432"}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

// prepare waits until the server answers and makes the roles and the database that are missing.
func (k *cluster) prepare(ctx context.Context, superURL string, keys passwords, s *server) error {
	conn, err := k.awaitAnswer(ctx, superURL, s)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, database).Scan(&exists); err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if exists {
		return nil
	}
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return createRoles(ctx, tx, keys) }); err != nil {
		return fmt.Errorf("create the database roles: %w", err)
	}
	// Last, outside a transaction as it must be: its existence says that the roles exist too.
	if _, err := conn.Exec(ctx, `create database `+database+` owner `+ownerRole); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// awaitAnswer connects as soon as the server lets us; while it recovers it refuses.
func (k *cluster) awaitAnswer(ctx context.Context, superURL string, s *server) (*pgx.Conn, error) {
	began, told := time.Now(), false
	for {
		conn, err := pgx.Connect(ctx, superURL)
		if err == nil {
			return conn, nil
		}
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code != "57P03" { // cannot_connect_now
			return nil, fmt.Errorf("connect to the database: %w", err)
		}
		if !told && time.Since(began) > 5*time.Second {
			k.log.InfoContext(ctx, "the database is not ready yet; after a crash it recovers first")
			told = true
		}
		select {
		case <-s.done:
			return nil, s.failure(k.data)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the database: %w", ctx.Err())
		case <-time.After(15 * time.Millisecond):
		}
	}
}

// createRoles makes what is missing; passwords are hexadecimal, so they need no quoting.
func createRoles(ctx context.Context, tx pgx.Tx, keys passwords) error {
	roles := []struct{ name, options string }{
		{ownerRole, "login createrole password '" + keys.Owner + "'"},
		{appRole, "login password '" + keys.App + "'"},
		{clientRole, "nologin"},
	}
	for _, role := range roles {
		var exists bool
		if err := tx.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1)`, role.name).Scan(&exists); err != nil {
			return err
		}
		if exists {
			continue
		}
		if _, err := tx.Exec(ctx, `create role `+role.name+` `+role.options); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `grant `+clientRole+` to `+appRole); err != nil {
		return err
	}
	return letOwnerGrant(ctx, tx)
}

// letOwnerGrant gives the owner the say over the roles that migrations grant. Up to release 15
// CREATEROLE includes it. The owner must not inherit from them: row-level security would see it
// as one of them.
func letOwnerGrant(ctx context.Context, tx pgx.Tx) error {
	var version int
	if err := tx.QueryRow(ctx, `select current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return err
	}
	if version < 160000 {
		return nil
	}
	_, err := tx.Exec(ctx, `grant `+appRole+`, `+clientRole+` to `+ownerRole+` with admin true, inherit false, set false`)
	return err
}
