package main_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// scalar is one value, as the application sees the database.
func (s *service) scalar(t *testing.T, sql string, args ...any) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), strings.TrimPrefix(s.settings[0], "POSTERN_DATABASE_URL="))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// leaderWithin is how long nobody may lead the queue: what a leader does not renew expires after 15 s, and the
// others look every 5 or 6 s.
const leaderWithin = 30 * time.Second

// One process leads the queue: it asks for what is done again and again, and finds stuck jobs. Tried: it is killed
// while it has a job; another process leads within the bound, asks for all of it, and the job is done by somebody
// else.
func TestKilledLeaderIsReplaced(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	running := map[string]*child{}
	for range 2 {
		c := start(t, nil, s.settings, "serve", "--roles", "worker,watch")
		running[fmt.Sprint(c.command.Process.Pid)] = c
	}
	const sqlLeader = `select coalesce((select leader_id from river_leader where expires_at > now()), '')`
	var first string
	waitFor(t, patience, "one of the two leads and both live", func() bool {
		first = s.scalar(t, sqlLeader)
		return first != "" && s.scalar(t, `select count(*)::text from processes`) == "2"
	})
	time.Sleep(11 * time.Second) // the other has watched for long enough to call it dead
	parts := strings.Split(first, "-")
	leader := running[parts[len(parts)-2]]
	if leader == nil {
		t.Fatalf("%s leads, which is none of %v", first, running)
	}
	leader.kill()
	killed := time.Now()
	stuck := s.scalar(t, `insert into river_job (args, kind, queue, max_attempts, attempt, state, attempted_at, attempted_by)
		values ('{}', 'sweep_letters', 'upkeep', 1, 1, 'running', now(), array[$1]) returning id::text`, first)
	mark := s.scalar(t, `select now()::text`)
	waitFor(t, leaderWithin, "the other one leads", func() bool {
		now := s.scalar(t, sqlLeader)
		return now != "" && now != first
	})
	t.Logf("after %s", time.Since(killed).Round(100*time.Millisecond))
	waitFor(t, leaderWithin, "the stuck job is done by the other one", func() bool {
		return s.scalar(t, `select (state = 'completed' and attempted_by[array_upper(attempted_by, 1)] <> $2)::text from river_job where id = $1::bigint`, stuck, first) == "true"
	})
	waitFor(t, patience, "what is done again and again was asked for", func() bool {
		return s.scalar(t, `select count(distinct kind)::text from river_job where kind in ('sweep_inbox', 'compare_mailboxes', 'purge', 'sweep_letters')
			and (created_at > $1::timestamptz or id = $2::bigint) and state = 'completed'`, mark, stuck) == "4"
	})
	s.send(t, "ann@client.example", s.SupportAddress, "after the leader", "", "x")
	waitFor(t, patience, "the desk goes on", func() bool {
		return s.scalar(t, `select count(*)::text from inbound_emails where disposition = 'opened'`) == "1"
	})
}
