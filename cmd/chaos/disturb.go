package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

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

// pricer is a disturber with a price: letters that were delivered and that nobody knows of, and limits of its own.
type pricer interface {
	letters() map[string]bool // by Message-ID
	limit(j *judgement)
}

// reporter is a disturber that has more to tell than the table.
type reporter interface{ report(out io.Writer) }

var modes = map[string]func() disturber{
	"kill": func() disturber { return &killer{} },
	"imap": func() disturber {
		return &cutter{repoint: func(f *mailboxes.Fields, s mailboxes.Server) { f.IMAP = &s }, target: func(d demo) string { return d.IMAP }}
	},
	"smtp": func() disturber {
		return &cutter{repoint: func(f *mailboxes.Fields, s mailboxes.Server) { f.SMTP = &s }, target: func(d demo) string { return d.SMTP }}
	},
	"postgres": func() disturber { return &databaseCutter{} },
	"split": func() disturber {
		return &splitter{kinds: []string{"kill", "kill", "kill", "freeze", "term"}, roles: layout}
	},
	"rolling": func() disturber { return &splitter{kinds: []string{"term"}, roles: layout} },
	"pair": func() disturber {
		return &splitter{kinds: []string{"kill", "term"}, roles: []string{"web,worker", "watch"}}
	},
	"all": func() disturber {
		return &splitter{kinds: []string{"kill", "kill", "kill", "freeze", "term", "restart", "crash", "cut", "imap", "smtp", "stall"}, roles: layout}
	},
	"restore": func() disturber { return &restorer{splitter: splitter{roles: layout, after: "seen"}} },
}

// layout has two processes for each role but the web's, and one with a single role.
var layout = []string{"web,worker", "worker,watch", "watch"}

// killer kills the whole program and starts it again.
type killer struct {
	slowest time.Duration
	hits    hits
}

func (k *killer) prepare(ctx context.Context, p *program) error {
	if err := p.start(ctx); err != nil {
		return err
	}
	d, err := p.life()
	if err != nil {
		return err
	}
	return change(ctx, p, d, moveAway)
}

func (k *killer) stop() error { return nil }

func (k *killer) report(out io.Writer) {
	if k.slowest > 0 {
		fmt.Fprintf(out, "slowest restart after a kill: %.1f s\n", k.slowest.Seconds())
	}
	k.hits.report(out)
}

func (k *killer) disturb(ctx context.Context, p *program, rng *rand.Rand) error {
	d, err := p.life()
	if err != nil {
		return err
	}
	if _, err := aim(ctx, d.DatabaseURL, rng); err != nil {
		return err
	}
	killed := p.now.Load()
	if err := p.kill(); err != nil {
		return err
	}
	began := time.Now()
	if err := p.start(ctx); err != nil {
		return err
	}
	k.slowest = max(k.slowest, time.Since(began))
	if d, err = p.life(); err != nil {
		return err
	}
	return k.hits.interrupted(ctx, d.DatabaseURL, killed)
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
	host, port, err := net.SplitHostPort(c.proxy.Addr())
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	return change(ctx, p, d, func(f *mailboxes.Fields) {
		c.repoint(f, mailboxes.Server{Host: host, Port: n, Security: "none", Username: supportAddress})
		moveAway(f)
	})
}

// moveAway has emails moved out of the inbox once they have their disposition.
func moveAway(f *mailboxes.Fields) {
	after, folder := mailboxes.AfterMove, doneFolder
	f.After, f.AfterFolder = &after, &folder
}

// change changes the mailbox as an admin would who moves it to another server.
func change(ctx context.Context, p *program, d demo, how func(*mailboxes.Fields)) error {
	if err := makeDone(d); err != nil {
		return err
	}
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
	var fields mailboxes.Fields
	how(&fields)
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
	p.env = append(p.env, "POSTERN_DATABASE_URL="+app, "POSTERN_OWNER_DATABASE_URL="+owner)
	if err := p.start(ctx); err != nil {
		return err
	}
	d, err := p.life()
	if err != nil {
		return err
	}
	// Through the database itself: the proxy is for the desk alone.
	return change(ctx, p, demo{IMAP: d.IMAP, IMAPPassword: d.IMAPPassword, DatabaseURL: c.postgres.AppURL}, func(f *mailboxes.Fields) {
		seen := mailboxes.AfterSeen
		f.After = &seen
	})
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
