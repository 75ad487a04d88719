package worker

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/event"
)

// Holder is the process that reads a mailbox.
type Holder struct {
	MailboxID uuid.UUID `db:"mailbox_id"`
	Process   string    `db:"process"`
	Since     time.Time `db:"since"`
}

const sqlHolders = `
select l.mailbox_id, l.process, l.since from mailbox_leases l join watchers w on w.process = l.process
where w.looked_at >= now() - $1::interval`

// Holders tells who reads which mailbox; one that nobody reads is not in it.
func Holders(ctx context.Context, d *db.DB) (map[uuid.UUID]Holder, error) {
	of := map[uuid.UUID]Holder{}
	err := d.View(ctx, event.System("watch"), func(v *db.View) error {
		all, err := db.All[Holder](v, sqlHolders, leaseFor)
		for _, h := range all {
			of[h.MailboxID] = h
		}
		return err
	})
	return of, err
}

const sqlRoles = `
select role from processes, unnest(roles) as role where beat_at >= now() - $1::interval`

// LivingRoles counts the processes that live now, by what they do.
func LivingRoles(ctx context.Context, d *db.DB) (map[string]int, error) {
	n := map[string]int{}
	err := d.View(ctx, event.System("heartbeat"), func(v *db.View) error {
		all, err := db.Column[string](v, sqlRoles, deadAfter)
		for _, role := range all {
			n[role]++
		}
		return err
	})
	return n, err
}
