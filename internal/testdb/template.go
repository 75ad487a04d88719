package testdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// schema is what a template database holds.
type schema struct {
	fingerprint string // the same fingerprint means the same schema
	up          func(ctx context.Context, ownerURL string) error
	extra       []string // SQL that follows up, run as the owner
}

func (s schema) templateName() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", s.fingerprint, s.extra)
	return "template_" + hex.EncodeToString(h.Sum(nil))[:20]
}

// templates remembers which templates this process has seen ready.
type templates struct {
	mu    sync.Mutex
	ready map[string]bool
}

// buildLock is held while a template is made: migrations also touch the roles, which all
// databases of the server share.
const buildLock = 0x706f737465726e // "postern"

// template returns the name of a finished template database, and makes it when it is missing.
func (c *cluster) template(ctx context.Context, s schema) (string, error) {
	c.templates.mu.Lock()
	defer c.templates.mu.Unlock()
	name := s.templateName()
	if c.templates.ready[name] {
		return name, nil
	}
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `select pg_advisory_lock($1)`, int64(buildLock)); err != nil {
		return "", err
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, int64(buildLock))
	}()
	var exists bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, name).Scan(&exists); err != nil {
		return "", err
	}
	if !exists {
		if err := c.build(ctx, conn.Conn(), name, s); err != nil {
			return "", err
		}
	}
	c.templates.ready[name] = true
	return name, nil
}

// build works under another name: a template has its own name only when it is finished.
func (c *cluster) build(ctx context.Context, conn *pgx.Conn, name string, s schema) error {
	draft := "draft_" + strings.TrimPrefix(name, "template_")
	for _, sql := range []string{
		`drop database if exists ` + draft + ` with (force)`,
		`create database ` + draft + ` owner postern_owner`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	ownerURL := onDatabase(c.urls.Owner, draft)
	if err := s.up(ctx, ownerURL); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := runAll(ctx, ownerURL, s.extra); err != nil {
		return fmt.Errorf("run TemplateSQL: %w", err)
	}
	for _, sql := range []string{
		`select pg_terminate_backend(pid) from pg_stat_activity where datname = '` + draft + `'`,
		`alter database ` + draft + ` with allow_connections false`,
		`alter database ` + draft + ` rename to ` + name,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

func runAll(ctx context.Context, ownerURL string, all []string) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range all {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// create copies files instead of logging pages: without fsync that takes half the time.
func (c *cluster) create(ctx context.Context, name, template string) error {
	_, err := c.pool.Exec(ctx, `create database `+name+` template `+template+` owner postern_owner strategy file_copy`)
	if err != nil {
		return fmt.Errorf("clone the template: %w", err)
	}
	return nil
}

func (c *cluster) drop(ctx context.Context, name string) error {
	if _, err := c.pool.Exec(ctx, `drop database if exists `+name+` with (force)`); err != nil {
		return fmt.Errorf("drop the test's database: %w", err)
	}
	return nil
}

// sweep drops the databases of test processes that were killed.
func (c *cluster) sweep(ctx context.Context) error {
	rows, _ := c.pool.Query(ctx, `select datname from pg_database where datname like 'test\_%'`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for left over databases: %w", err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(strings.Split(name, "_")[1])
		if err != nil || syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		if err := c.drop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
