package main

import (
	"context"
	"fmt"
	"time"
)

// What the desk left undone; each reads an index, and few rows.
const (
	sqlHeldLetters = `select count(*)::integer, '' from (select from letters where state = 'unknown' and unknowns > 1 limit 1000) held`

	sqlFailedLetters = `
select count(*)::integer, coalesce(max(last_error), '') from (
    select last_error from letters where state = 'failed' and created_at > now() - interval '7 days' order by id desc limit 1000) lost`

	sqlLateLetters = `
select count(*)::integer, coalesce(max(last_error), '') from (
    select last_error from letters where state = 'queued' and created_at < now() - interval '30 minutes' order by id limit 1000) late`

	sqlUndecided = `
select count(*)::integer, coalesce(max(last_error), '') from (
    select last_error from inbound_emails where disposition is null and accepted_at < now() - interval '1 hour' order by id limit 1000) undecided`

	sqlLostJobs = `
select count(*)::integer, coalesce((array_agg(kind || ': ' || coalesce(errors[array_upper(errors, 1)]->>'error', 'no reason')))[1], '') from (
    select kind, errors from river_job where state = 'discarded' and finalized_at > now() - interval '1 hour'
    order by finalized_at desc limit 1000) lost`

	sqlKeys = `select count(*)::integer, '' from (select from api_keys where revoked_at is null limit 1) usable`
)

// workPatience bounds all that is asked about the work.
const workPatience = 20 * time.Second

// checkWork looks at what the desk could not do: letters, emails and jobs that wait for a person.
func (d *doctor) checkWork(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, workPatience)
	defer cancel()
	api := "curl -H \"Authorization: Bearer $KEY\" " + d.set.BaseURL(d.set.Listen)
	d.count(ctx, "held letters", sqlHeldLetters, "%d letters are held, since it is not known whether they went out",
		"see which: "+api+"/v1/outbound-emails?state=unknown; send one again: add /ID/resend -X POST")
	d.count(ctx, "failed letters", sqlFailedLetters, "%d letters of the last 7 days did not arrive",
		"see why: "+api+"/v1/outbound-emails?state=failed")
	d.count(ctx, "late letters", sqlLateLetters, "%d letters wait for over 30 minutes",
		"start the desk (postern serve), and see to the SMTP server; why: "+api+"/v1/outbound-emails?state=queued")
	d.count(ctx, "undecided emails", sqlUndecided, "%d emails have no disposition after an hour",
		"start the desk (postern serve); why: "+api+"/v1/inbound-emails?pending=true")
	d.count(ctx, "jobs", sqlLostJobs, "%d jobs were given up in the last hour",
		"see the desk's log for the cause; what they were for is taken up again by itself")
	var keys int
	var none string
	if err := d.store.db.Pool().QueryRow(ctx, sqlKeys).Scan(&keys, &none); err == nil && keys == 0 {
		d.warn("API keys", "there is none, so nobody can read tickets", "postern apikey create --name NAME")
	}
}

// count is one line about how many rows there are, and the last words about one of them.
func (d *doctor) count(ctx context.Context, name, sql, words, remedy string) {
	var n int
	var last string
	row := d.store.db.Pool().QueryRow(ctx, sql)
	if err := row.Scan(&n, &last); err != nil {
		d.fail(name, err.Error(), "bring the schema up to date: postern migrate")
		return
	}
	seen := fmt.Sprintf(words, n)
	if n == 0 {
		d.ok(name, "none")
		return
	}
	if last != "" {
		seen += "; such as: " + last
	}
	d.warn(name, seen, remedy)
}
