package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/worker"
)

// checkProcesses looks at the desk that runs now, if one does: each role somewhere, and each mailbox watched.
func (d *doctor) checkProcesses(ctx context.Context, boxes []mailboxes.Mailbox) {
	const name = "processes"
	living, err := worker.LivingRoles(ctx, d.store.db)
	if err != nil {
		d.fail(name, err.Error(), "look into PostgreSQL's log")
		return
	}
	if len(living) == 0 {
		d.ok(name, "no desk runs now")
		return
	}
	seen := ""
	for _, role := range []config.Role{config.RoleWeb, config.RoleWorker, config.RoleWatch} {
		seen += fmt.Sprintf("%s %d, ", role, living[string(role)])
		if living[string(role)] == 0 {
			d.fail(name, "none has the role "+string(role), "start one: postern serve --roles "+string(role))
		}
	}
	holders, err := worker.Holders(ctx, d.store.db)
	if err != nil {
		d.fail(name, err.Error(), "look into PostgreSQL's log")
		return
	}
	watched, all := 0, 0
	for _, m := range boxes {
		if _, is := holders[m.ID]; is {
			watched++
		}
		if !m.Paused {
			all++
		}
	}
	d.checkReleases(ctx)
	seen += fmt.Sprintf("%d of %d mailboxes are watched", watched, all)
	if watched < all {
		d.warn(name, seen, "look again in ten seconds; if it stays so, start another process: postern serve --roles watch")
		return
	}
	d.ok(name, seen)
}

// runs is what a process of the desk calls itself at PostgreSQL; its release follows.
const runs = "postern serve "

// sqlReleases asks who is connected with this login; of others PostgreSQL does not tell.
const sqlReleases = `
select distinct substr(application_name, length($1) + 1) from pg_stat_activity
where datname = current_database() and starts_with(application_name, $1) order by 1`

// checkReleases tells a desk that was half renewed: an old process may not know what a new one writes.
func (d *doctor) checkReleases(ctx context.Context) {
	const name = "releases"
	rows, err := d.store.db.Pool().Query(ctx, sqlReleases, runs)
	if err != nil {
		d.fail(name, err.Error(), "look into PostgreSQL's log")
		return
	}
	running, err := pgx.CollectRows(rows, pgx.RowTo[string])
	switch all := strings.Join(running, ", "); {
	case err != nil:
		d.fail(name, err.Error(), "look into PostgreSQL's log")
	case len(running) > 1:
		d.warn(name, "processes of different releases run: "+all, "restart those that are not of this one, "+release())
	case len(running) == 1 && all != release():
		d.warn(name, "the desk that runs is "+all+", this program is "+release(), "restart the desk with this program (systemctl restart postern), or use the other's")
	case len(running) == 1:
		d.ok(name, "all processes are "+all)
	}
}
