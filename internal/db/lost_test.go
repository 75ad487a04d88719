package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/testdb"
)

// Tried: two transactions that lock two rows in opposite order; PostgreSQL ends one of them.
func TestDeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{AppConns: 2})
	s.test.Fixture(t, `do $$ begin execute format('alter database %I set deadlock_timeout = ''20ms''', current_database()); end $$`)
	d, err := Open(soon(t), s.test.AppURL, Options{AppConns: 2}) // with the setting
	must(t, err)
	defer d.Close()
	ids := s.clients("a", "b")
	var tries atomic.Int32
	var first, wait sync.WaitGroup
	first.Add(2)
	for i := range 2 {
		wait.Go(func() {
			mine := 0
			err := d.Change(soon(t), tester, func(tx *Tx) error {
				tries.Add(1)
				mine++
				for n, id := range []int{i, 1 - i} {
					if _, err := tx.Exec(`update clients set name = name || $2 where id = $1`, ids[id], "+"); err != nil {
						return err
					}
					if n == 0 && mine == 1 {
						first.Done()
						first.Wait() // both hold their first row
					}
				}
				tx.Record(event.Event{Kind: event.ClientUpdated, SubjectID: "x"})
				return nil
			})
			if err != nil {
				t.Errorf("the transaction was given up: %v", err)
			}
		})
	}
	wait.Wait()
	if got := s.text(`select string_agg(name, ' ' order by name) from clients`); got != "a++ b++" || tries.Load() != 3 {
		t.Errorf("%s after %d tries", got, tries.Load())
	}
	if got := s.left(); got != "2 3 0 0 0" {
		t.Errorf("the lost try left its record: %s", got)
	}
}

// Tried: a transaction that can never be serialised, with and without time to try again.
func TestTryingAgainEnds(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	tries := 0
	unlucky := func(tx *Tx) error {
		tries++
		_, err := tx.Exec(`do $$ begin raise 'no luck' using errcode = '40001'; end $$`)
		return err
	}
	if err := s.Bookkeep(soon(t), "test", unlucky); !isCode("40001")(err) || tries != maxTries {
		t.Errorf("%d tries, then %v", tries, err)
	}
	ctx, cancel := context.WithCancel(soon(t))
	err := s.Bookkeep(ctx, "test", func(tx *Tx) error { defer cancel(); return unlucky(tx) })
	if !errors.Is(err, context.Canceled) || tries != maxTries+1 {
		t.Errorf("after the end of the context: %d tries, %v", tries, err)
	}
	tries = 0
	if err := s.Bookkeep(soon(t), "test", func(tx *Tx) error { tries++; _, err := tx.Exec(`select 1 / 0`); return err }); err == nil || tries != 1 {
		t.Errorf("another error was tried %d times: %v", tries, err)
	}
}

// kill ends every session of the application in the database and returns once they are gone.
func (s *scene) kill() {
	s.t.Helper()
	s.test.Fixture(s.t, `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and usename = 'postern_app'`)
}

// Tried: the server ends all connections of a full pool while they are idle, as a restart does.
func TestChangeSurvivesLostIdleConnections(t *testing.T) {
	t.Parallel()
	const conns = 8
	s := newScene(t, Options{AppConns: conns, ClientConns: 1})
	var ready, wait sync.WaitGroup
	ready.Add(conns)
	for range conns {
		wait.Go(func() {
			must(t, s.View(soon(t), tester, func(*View) error { ready.Done(); ready.Wait(); return nil }))
		})
	}
	wait.Wait()
	s.kill()
	s.clients("after the restart")
}

// Tried: the connection dies in the middle of a change, before its commit and in the middle of a view.
func TestLostConnectionLosesItsChangeAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	err := s.Change(soon(t), tester, func(tx *Tx) error {
		onboard(tx, NewID())
		must(t, tx.flush())
		s.kill()
		return nil
	})
	var pg *pgconn.PgError
	if err == nil || errors.As(err, &pg) && pg.Code != "57P01" {
		t.Errorf("a change over a dead connection: %v", err)
	}
	if got := s.left(); got != "0 0 0 0 0" {
		t.Errorf("left %s", got)
	}
	err = s.View(soon(t), tester, func(v *View) error {
		s.kill()
		return v.QueryRow(`select 1`).Scan(new(int))
	})
	if err == nil {
		t.Error("a view over a dead connection saw something")
	}
	s.clients("after")
}

// Tried: a statement that would take a minute.
func TestEndOfContextFreesTheRow(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	id := s.clients("Acme")[0]
	ctx, cancel := context.WithCancel(soon(t))
	began := time.Now()
	err := s.Bookkeep(ctx, "test", func(tx *Tx) error {
		must(t, tx.QueryRow(`select 1 from clients where id = $1 for update`, id).Scan(new(int)))
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := tx.Exec(`select pg_sleep(60)`)
		return err
	})
	if !errors.Is(err, context.Canceled) || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	must(t, s.Bookkeep(soon(t), "test", func(tx *Tx) error {
		return tx.QueryRow(`select 1 from clients where id = $1 for update`, id).Scan(new(int))
	}))
	if err := s.Change(ctx, tester, func(*Tx) error { t.Error("fn ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestOpenSaysWhyNotAndTellsNoPassword(t *testing.T) {
	t.Parallel()
	test := testdb.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for url, want := range map[string]string{
		"postgres://u:hunter2@127.0.0.1:1/none":                                     "reach the database",
		"postgres://u:hunter2@127.0.0.1:port/none":                                  "database URL",
		strings.Replace(test.AppURL, ":"+password(test.AppURL)+"@", ":hunter2@", 1): "reach the database",
	} {
		d, err := Open(ctx, url, Options{})
		if err == nil {
			d.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func password(url string) string {
	user := strings.Split(strings.TrimPrefix(url, "postgres://"), "@")[0]
	_, pass, _ := strings.Cut(user, ":")
	return pass
}

func TestReadyNamesAMissingSchema(t *testing.T) {
	t.Parallel()
	for want, test := range map[error]*testdb.DB{nil: testdb.New(t), ErrNoSchema: testdb.Empty(t)} {
		d, err := Open(soon(t), test.AppURL, Options{})
		must(t, err)
		must(t, d.Ping(soon(t)))
		if err := d.Ready(soon(t)); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		d.Close()
		if err := d.Ready(soon(t)); err == nil || errors.Is(err, ErrNoSchema) {
			t.Errorf("of a closed database: %v", err)
		}
	}
}

func TestLentTransactionCannotBeEnded(t *testing.T) {
	t.Parallel()
	c := connTx{}
	_, begun := c.Begin(soon(t))
	if err := fmt.Errorf("%w %w %w", begun, c.Commit(soon(t)), c.Rollback(soon(t))); strings.Count(err.Error(), errNotYours.Error()) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestIDsSortByTimeAndNilIsNull(t *testing.T) {
	t.Parallel()
	last := ""
	for range 1000 {
		id := NewID()
		if id.Version() != 7 || id.String() <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last = id.String()
		if NullID(id) == nil || *NullID(id) != id {
			t.Fatal("an id became NULL")
		}
	}
	if NullID([16]byte{}) != nil {
		t.Error("the zero id is not NULL")
	}
}
