package db

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/faultproxy"
	"github.com/postern-desk/postern/internal/testdb"
)

// through opens the database of a test by way of a proxy that can fall silent.
func through(t *testing.T, o Options) (*DB, *faultproxy.Proxy) {
	t.Helper()
	test := testdb.New(t)
	server, err := pgx.ParseConfig(test.AppURL)
	must(t, err)
	proxy := faultproxy.Start(t, byTCP(t, server.Host+"/.s.PGSQL."+strconv.Itoa(int(server.Port))))
	address := url.URL{Scheme: "postgres", User: url.UserPassword(server.User, server.Password), Host: proxy.Addr(), Path: server.Database,
		RawQuery: "sslmode=disable"}
	d, err := Open(soon(t), address.String(), o)
	must(t, err)
	t.Cleanup(d.Close)
	return d, proxy
}

// byTCP makes a server that listens on a Unix socket alone one that the proxy can reach.
func byTCP(t *testing.T, socket string) (address string) {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listen.Close() })
	go func() {
		for {
			client, err := listen.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				_ = client.Close()
				continue
			}
			join := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				_ = to.Close()
			}
			go join(server, client)
			go join(client, server)
		}
	}()
	return listen.Addr().String()
}

func nothing(*Tx) error { return nil }

// Tried: a network that takes bytes and answers nothing, at the begin, in the middle and at the commit of a
// transaction. The callers have no deadline of their own, as the workers'.
func TestSilentConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	d, proxy := through(t, Options{AppConns: 1, ClientConns: 1, Patience: 200 * time.Millisecond})
	background := context.WithoutCancel(t.Context())
	view := func(fn func(*View) error) error { return d.View(background, tester, fn) }
	for name, try := range map[string]func() error{
		"begin": func() error { proxy.Pause(); return d.Bookkeep(background, "test", nothing) },
		"view":  func() error { proxy.Pause(); return view(func(*View) error { return nil }) },
		"statement": func() error {
			return view(func(v *View) error { proxy.Pause(); return v.QueryRow("select 1").Scan(new(int)) })
		},
		"commit": func() error {
			return d.Bookkeep(background, "test", func(tx *Tx) error { proxy.Pause(); tx.Queue("select 1"); return nil })
		},
	} {
		began := time.Now()
		err := try()
		if took := time.Since(began); !errors.Is(err, ErrSilent) || !errors.Is(err, context.DeadlineExceeded) || took > 10*time.Second {
			t.Errorf("%s: %v after %s", name, err, took)
		}
		proxy.Resume()
		if err := d.Bookkeep(soon(t), "test", nothing); err != nil {
			t.Errorf("%s: the next transaction has no connection: %v", name, err)
		}
	}
}

// Tried: a statement and a wait for a lock that would take half a minute.
func TestServerEndsWhatHangs(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{AppConns: 2, Patience: 400 * time.Millisecond})
	sleep := func(tx *Tx) error { _, err := tx.Exec(`select pg_sleep(30)`); return err }
	if err := s.Bookkeep(soon(t), "test", sleep); !isCode("57014")(err) {
		t.Errorf("a long statement: %v", err)
	}
	id := s.clients("Acme")[0]
	lock := func(tx *Tx) error {
		return tx.QueryRow(`select 1 from clients where id = $1 for update`, id).Scan(new(int))
	}
	other, err := pgx.Connect(soon(t), s.test.SuperURL) // which has all the time in the world
	must(t, err)
	defer other.Close(soon(t))
	must(t, pgx.BeginFunc(soon(t), other, func(held pgx.Tx) error {
		must(t, held.QueryRow(soon(t), `select 1 from clients where id = $1 for update`, id).Scan(new(int)))
		if err := s.Bookkeep(soon(t), "test", lock); !isCode("55P03")(err) {
			t.Errorf("a long wait: %v", err)
		}
		return nil
	}))
}

// Tried: a process that is stopped while it holds a lock. Who waits for it gets it before giving up, and what the
// stopped one had begun is undone.
func TestFrozenTransactionLosesItsLocks(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{AppConns: 2, Patience: 3 * time.Second})
	take := func(tx *Tx, n int) error {
		_, err := tx.Exec(`insert into limit_counters values ('cursor', now(), $1)`, n)
		return err
	}
	err := s.Bookkeep(soon(t), "test", func(tx *Tx) error {
		must(t, take(tx, 1))
		return s.Bookkeep(soon(t), "test", func(tx *Tx) error { return take(tx, 2) })
	})
	if !isCode("25P03")(err) {
		t.Errorf("the frozen transaction, or who waited for it: %v", err)
	}
	if got := s.text(`select string_agg(taken::text, ' ') from limit_counters`); got != "2" {
		t.Errorf("there is %q, want what the second one wrote", got)
	}
}

// Tried: a statement that outlasts everybody else's time, as a purge may, and the connection's next transaction.
func TestUpkeepMayTakeLonger(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{Patience: 100 * time.Millisecond})
	sleep := func(tx *Tx) error { _, err := tx.Exec(`select pg_sleep(0.3)`); return err }
	if err := s.Bookkeep(Unhurried(soon(t)), "test", sleep); err != nil {
		t.Errorf("upkeep was hurried: %v", err)
	}
	if err := s.Bookkeep(soon(t), "test", sleep); !isCode("57014")(err) {
		t.Errorf("what came after the upkeep: %v", err)
	}
	must(t, s.View(Unhurried(soon(t)), event.Actor{Realm: event.Client, ClientID: NewID()}, func(*View) error { return nil }))
}

// Tried: every connection of the pool is taken and not given back.
func TestReservedConnectionWaitsForNobody(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{AppConns: 2, ClientConns: 1})
	var taken, done sync.WaitGroup
	release := make(chan struct{})
	taken.Add(2)
	for range 2 {
		done.Go(func() {
			must(t, s.View(soon(t), tester, func(*View) error { taken.Done(); <-release; return nil }))
		})
	}
	taken.Wait()
	reserved := s.Reserved()
	for _, cut := range []func(){func() {}, s.kill} { // kill ends the two that are taken as well
		cut()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := reserved.Bookkeep(ctx, "test", nothing); err != nil {
			t.Errorf("the reserved connection: %v", err)
		}
		cancel()
	}
	close(release)
	done.Wait()
}
