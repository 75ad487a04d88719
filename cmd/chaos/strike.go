package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/faultproxy"
)

// servers are the kinds that take from the desk what it is connected to: while they last nobody can go on.
var servers = map[string]bool{"restart": true, "crash": true, "cut": true, "imap": true, "smtp": true, "stall": true}

// disturb does one thing to one of the processes, or to what they are connected to.
func (s *splitter) disturb(ctx context.Context, _ *program, rng *rand.Rand) error {
	kind := s.kinds[rng.IntN(len(s.kinds))]
	if servers[kind] {
		sleep(ctx, time.Duration(rng.IntN(300))*time.Millisecond)
		return errors.Join(s.unserve(ctx, kind, rng), s.told(), ctx.Err())
	}
	s.hurt.Wait()
	m := s.members[rng.IntN(len(s.members))]
	down := time.Duration(rng.IntN(8000)) * time.Millisecond
	before, err := holder(ctx, s.database)
	if err != nil {
		return err
	}
	process, err := aim(ctx, s.database, rng) // the last thing before it is done
	if err != nil {
		return err
	}
	for _, one := range s.members {
		if one.life.Load().holds(process) {
			m = one
		}
	}
	s.behind(ctx, kind, m.roles, func(ctx context.Context) error {
		moved := s.follow(ctx, m, kind, before)
		return errors.Join(s.strike(ctx, m, kind, down), moved())
	})
	return errors.Join(s.told(), ctx.Err())
}

// behind does something in the background, which goes on when the round is over; one such thing at a time.
func (s *splitter) behind(ctx context.Context, kind, to string, do func(context.Context) error) {
	ctx = context.WithoutCancel(ctx)
	s.hurt.Go(func() {
		if err := do(ctx); err != nil {
			s.tell(fmt.Errorf("%s %s: %w", kind, to, err))
		}
	})
}

// strike ends a process and starts another one in its place, or stops it and lets it go on.
func (s *splitter) strike(ctx context.Context, m *member, kind string, down time.Duration) error {
	m.busy.Lock()
	defer m.busy.Unlock()
	life := m.life.Load()
	switch kind {
	case "kill":
		if err := life.kill(); err != nil {
			return err
		}
		if d, err := s.program.life(); err == nil {
			// A database that is away tells nothing, and the kill is not counted.
			_ = s.hits.struck(ctx, d, life)
		}
		sleep(ctx, down)
		return s.start(ctx, m)
	case "term":
		if err := life.stop(); err != nil {
			return err
		}
		return s.start(ctx, m)
	}
	say := func(signal os.Signal) error {
		if err := life.process.Signal(signal); !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		return nil
	}
	if err := say(syscall.SIGSTOP); err != nil {
		return err
	}
	sleep(ctx, frozenFor)
	return say(syscall.SIGCONT)
}

// unserve disturbs what the processes are connected to.
func (s *splitter) unserve(ctx context.Context, kind string, rng *rand.Rand) error {
	switch kind {
	case "imap":
		trouble(ctx, s.imap, rng)
	case "smtp":
		trouble(ctx, s.smtp, rng)
	case "stall":
		s.hurt.Wait()
		server := []*faultproxy.Proxy{s.imap, s.smtp}[rng.IntN(2)]
		cut := rng.IntN(2) == 0
		s.behind(ctx, kind, "a mail server", func(ctx context.Context) error { return stall(ctx, server, cut) })
	case "cut":
		return s.cutConnections(ctx)
	case "restart":
		s.hurt.Wait() // who starts or stops meanwhile would be counted as slow
		return errors.Join(s.postgres.Stop(ctx), s.startPostgres(ctx))
	case "crash":
		s.hurt.Wait()
		if err := s.crash(ctx); err != nil {
			return err
		}
		return s.startPostgres(ctx)
	}
	return nil
}

// stall is a server that takes bytes and says nothing, and then says it all, or is gone.
func stall(ctx context.Context, p *faultproxy.Proxy, cut bool) error {
	p.Pause()
	sleep(ctx, frozenFor)
	if cut {
		p.Reset()
	}
	p.Resume()
	return nil
}

const sqlCut = `select count(pg_terminate_backend(pid)) from pg_stat_activity where usename like 'postern\_%'`

// cutConnections ends every session of the desk in the database, in the middle of whatever it does.
func (s *splitter) cutConnections(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.postgres.SuperURL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sqlCut)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// crash kills PostgreSQL: it recovers from its log when it starts again.
func (s *splitter) crash(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-s.postgres.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
