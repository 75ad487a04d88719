package main

import (
	"context"
	"fmt"

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
	seen += fmt.Sprintf("%d of %d mailboxes are watched", watched, all)
	if watched < all {
		d.warn(name, seen, "look again in ten seconds; if it stays so, start another process with --roles watch")
		return
	}
	d.ok(name, seen)
}
