package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const sqlHolder = `select process from mailbox_leases`

// movesWithin bounds how long a mailbox may be nobody's.
const movesWithin = 30 * time.Second

// follow begins to look where the mailbox goes, if it was this member's before; the returned function waits until
// it is there, and fails where nobody took it.
func (s *splitter) follow(ctx context.Context, m *member, kind, before string) (wait func() error) {
	if !m.life.Load().holds(before) {
		return func() error { return nil }
	}
	url := s.database
	began, done := time.Now(), make(chan error, 1)
	go func() {
		for ; ; sleep(ctx, 20*time.Millisecond) {
			now, err := holder(ctx, url)
			if err == nil && now != "" && now != before {
				s.mu.Lock()
				s.moves[kind] = append(s.moves[kind], time.Since(began))
				s.mu.Unlock()
				done <- nil
				return
			}
			if time.Since(began) > movesWithin {
				done <- fmt.Errorf("nobody took the mailbox within %s: %w", movesWithin, errWrong)
				return
			}
		}
	}()
	return func() error { return <-done }
}

// holder is the process that reads the mailbox; empty where there is none.
func holder(ctx context.Context, url string) (process string, err error) {
	all, err := ask[string](ctx, url, sqlHolder)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0], nil
}

const sqlProcesses = `select id from processes`

// lives reports whether a process has begun to say so.
func lives(ctx context.Context, url string, life *running) (bool, error) {
	all, err := ask[string](ctx, url, sqlProcesses)
	return slices.ContainsFunc(all, life.holds), err
}

func ask[T any](ctx context.Context, url, sql string) ([]T, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, _ := conn.Query(ctx, sql)
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// rowsOf is ask for rows of several columns.
func rowsOf[T any](ctx context.Context, url, sql string) ([]T, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return all[T](ctx, conn, sql)
}
