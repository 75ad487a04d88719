package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postern-desk/postern/internal/db"
	"github.com/postern-desk/postern/internal/embedded"
	"github.com/postern-desk/postern/internal/event"
	"github.com/postern-desk/postern/internal/faultproxy"
	"github.com/postern-desk/postern/internal/mailboxes"
	"github.com/postern-desk/postern/internal/vault"
)

// disturber breaks something once.
type disturber interface {
	// prepare is called once, before the first round.
	prepare(ctx context.Context, p *program) error
	// disturb is called while emails flow, and returns when the desk can go on.
	disturb(ctx context.Context, p *program, rng *rand.Rand) error
	// stop ends what prepare started, after the program.
	stop() error
}

var modes = map[string]func() disturber{
	"kill": func() disturber { return &killer{} },
	"imap": func() disturber {
		return &cutter{repoint: func(f *mailboxes.Fields, s mailboxes.Server) { f.IMAP = &s }, target: func(d demo) string { return d.IMAP }}
	},
	"smtp": func() disturber {
		return &cutter{repoint: func(f *mailboxes.Fields, s mailboxes.Server) { f.SMTP = &s }, target: func(d demo) string { return d.SMTP }}
	},
	"postgres": func() disturber { return &databaseCutter{} },
	"split":    func() disturber { return &splitter{kinds: []string{"kill", "freeze", "term"}} },
	"rolling":  func() disturber { return &splitter{kinds: []string{"term"}} },
	"all": func() disturber {
		return &splitter{kinds: []string{"kill", "freeze", "term", "postgres", "imap", "smtp"}}
	},
}

// killer kills the whole program and starts it again.
type killer struct{ slowest time.Duration }

func (k *killer) prepare(ctx context.Context, p *program) error { return p.start(ctx) }
func (k *killer) stop() error                                   { return nil }

// The moments that are aimed at: right after the n-th commit of a kind.
var aims = []string{
	`select count(*) from inbound_emails`,
	`select count(*) from inbound_emails where attempts > 0`,
	`select count(*) from tickets`,
	`select coalesce(sum(attempts), 0) from letters`,
	`select count(*) from letters where state = 'sent'`,
}

func (k *killer) disturb(ctx context.Context, p *program, rng *rand.Rand) error {
	if rng.IntN(2) == 0 {
		sleep(ctx, time.Duration(5+rng.IntN(496))*time.Millisecond)
	} else if err := awaitCommits(ctx, p, aims[rng.IntN(len(aims))], 1+rng.IntN(12)); err != nil {
		return err
	}
	if err := p.kill(); err != nil {
		return err
	}
	began := time.Now()
	err := p.start(ctx)
	k.slowest = max(k.slowest, time.Since(began))
	return err
}

// awaitCommits returns when the count has risen by n, or after three seconds in which it did not.
func awaitCommits(ctx context.Context, p *program, sql string, n int) error {
	d, err := p.life()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, d.DatabaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	first, now := -1, 0
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := conn.QueryRow(ctx, sql).Scan(&now); err != nil {
			return err
		}
		if first < 0 {
			first = now
		}
		if now >= first+n {
			return nil
		}
	}
	return ctx.Err()
}

// cutter puts a proxy between the desk and one of its mail servers.
type cutter struct {
	target  func(demo) string
	repoint func(*mailboxes.Fields, mailboxes.Server)
	proxy   *faultproxy.Proxy
}

func (c *cutter) prepare(ctx context.Context, p *program) error {
	if err := p.start(ctx); err != nil {
		return err
	}
	d, err := p.life()
	if err != nil {
		return err
	}
	if c.proxy, err = faultproxy.Run(ctx, c.target(d)); err != nil {
		return err
	}
	return c.lead(ctx, p, d)
}

// lead makes the mailbox use the proxy, as an admin would who moves it to another server.
func (c *cutter) lead(ctx context.Context, p *program, d demo) error {
	keys, err := vault.Open(filepath.Join(p.dir, "data", "secret.key"))
	if err != nil {
		return err
	}
	database, err := db.Open(ctx, d.DatabaseURL, db.Options{AppConns: 1, ClientConns: 1})
	if err != nil {
		return err
	}
	defer database.Close()
	by := event.Actor{Kind: "cli", ID: "chaos", Name: "Chaos", Realm: event.Staff}
	boxes := mailboxes.New(database, keys)
	list, err := boxes.List(ctx, by)
	if err != nil || len(list) != 1 {
		return errors.Join(fmt.Errorf("%d mailboxes, not one", len(list)), err)
	}
	host, port, err := net.SplitHostPort(c.proxy.Addr())
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	var fields mailboxes.Fields
	c.repoint(&fields, mailboxes.Server{Host: host, Port: n, Security: "none", Username: supportAddress})
	_, err = boxes.Update(ctx, by, list[0].ID, list[0].Version, fields)
	return err
}

func (c *cutter) disturb(ctx context.Context, _ *program, rng *rand.Rand) error {
	sleep(ctx, time.Duration(rng.IntN(200))*time.Millisecond)
	trouble(ctx, c.proxy, rng)
	return ctx.Err()
}

func (c *cutter) stop() error {
	if c.proxy != nil {
		c.proxy.Stop()
	}
	return nil
}

// trouble is one fault of a network or a server, and its end.
func trouble(ctx context.Context, p *faultproxy.Proxy, rng *rand.Rand) {
	lasting := time.Duration(50+rng.IntN(450)) * time.Millisecond
	switch rng.IntN(5) {
	case 0:
		p.Cut()
	case 1:
		p.Reset()
	case 2:
		p.Pause()
		sleep(ctx, lasting)
		p.Resume()
	case 3:
		p.Truncate(int64(rng.IntN(64 << 10)))
		sleep(ctx, lasting)
		p.Truncate(-1)
	case 4:
		p.Refuse(true)
		p.Reset()
		sleep(ctx, lasting)
		p.Refuse(false)
	}
}

// databaseCutter runs the desk's database behind a proxy.
type databaseCutter struct {
	postgres *embedded.Postgres
	relay    *relay
	proxy    *faultproxy.Proxy
}

func (c *databaseCutter) prepare(ctx context.Context, p *program) error {
	var err error
	c.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{Dir: filepath.Join(p.dir, "postgres"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	socket, err := socketOf(c.postgres.AppURL)
	if err != nil {
		return err
	}
	if c.relay, err = startRelay(ctx, socket); err != nil {
		return err
	}
	if c.proxy, err = faultproxy.Run(ctx, c.relay.listener.Addr().String()); err != nil {
		return err
	}
	app, err := throughTCP(c.postgres.AppURL, c.proxy.Addr())
	if err != nil {
		return err
	}
	owner, err := throughTCP(c.postgres.OwnerURL, c.proxy.Addr())
	if err != nil {
		return err
	}
	p.env = []string{"POSTERN_DATABASE_URL=" + app, "POSTERN_OWNER_DATABASE_URL=" + owner}
	return p.start(ctx)
}

func (c *databaseCutter) disturb(ctx context.Context, _ *program, rng *rand.Rand) error {
	sleep(ctx, time.Duration(rng.IntN(200))*time.Millisecond)
	trouble(ctx, c.proxy, rng)
	return ctx.Err()
}

func (c *databaseCutter) stop() error {
	if c.proxy != nil {
		c.proxy.Stop()
	}
	if c.relay != nil {
		c.relay.stop()
	}
	if c.postgres == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.postgres.Stop(ctx)
}

// throughTCP leads a URL of the unix socket over an address instead.
func throughTCP(raw, address string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("the database's URL is malformed") // its text holds a password
	}
	u.Host, u.RawQuery = address, "sslmode=disable"
	return u.String(), nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
